import {
  createKafka,
  type Broker,
  type KafkaAdmin,
  type Metrics,
  type Service,
  type ServiceDeps,
} from "@ethhook/kit";
import { createPostgres, type Pool } from "@ethhook/kit/postgres";
import type { Finality } from "@ethhook/schemas";
import { createTopology } from "@ethhook/topology";
import { createKafkaGates, type KafkaGates } from "./adapters/kafka-gates.ts";
import { createKafkaGroup, type KafkaGroup, type KafkaGroupDeps } from "./adapters/kafka-group.ts";
import { createKafkaLeads, leadGroup, type KafkaLeads } from "./adapters/kafka-lead.ts";
import { createKafkaLedgers } from "./adapters/kafka-ledgers.ts";
import { createKafkaOutbox } from "./adapters/kafka-outbox.ts";
import { createPostgresEpochs } from "./adapters/postgres-epochs.ts";
import { createPostgresFilters, type PostgresFilters } from "./adapters/postgres-filters.ts";
import type { MatcherConfig } from "./config.ts";
import type { Wait } from "./core/ledger.ts";

export interface MatcherDeps extends ServiceDeps {
  /** Stands in for Kafka in tests and benchmarks. */
  readonly broker?: Broker & { admin(): Pick<KafkaAdmin, "committedOffsets" | "close"> };
}

/** The matcher: reads `logs.*`, matches against the filters in memory, writes `deliveries`. Starts nothing. */
export function createMatcher(config: MatcherConfig, deps: MatcherDeps): Service {
  const { logger, metrics, now } = deps;
  const topology = createTopology(config.CHAINS_EXTRA);
  const writes = new Map(topology.topics.map((topic) => [topic.name, topic]));
  const broker =
    deps.broker ??
    createKafka({
      brokers: config.KAFKA_BROKERS,
      clientId: "matcher",
      logger,
      metrics,
      writes: (topic) => writes.get(topic),
    });
  const pool: Pool = createPostgres({ url: config.DATABASE_URL, logger, connectionsMax: 4 });
  const producer = broker.producer();
  const outbox = createKafkaOutbox(producer);
  const crashed = Promise.withResolvers<Error>();
  const versionGauge = metrics.gauge("ethhook_matcher_filter_version");
  const filters = createPostgresFilters({
    url: config.DATABASE_URL,
    pool,
    chains: config.CHAINS_EXTRA,
    now,
    logger,
    onVersion: (version) => versionGauge.set(version),
  });
  const ledgers = createKafkaLedgers({
    broker,
    topology,
    logger,
    onAdvance: (chainId) => {
      for (const one of gates) one.ledgerAdvanced(chainId);
    },
    onCrash: crashed.resolve,
  });
  const waits = config.MATCHER_GROUPS.some((finality) => finality !== "latest");
  const epochs = createPostgresEpochs(leadGroup, pool, logger);
  const gates: KafkaGates[] = [];
  let leads: KafkaLeads | undefined;
  const groups: readonly KafkaGroup[] = config.MATCHER_GROUPS.map((finality) => {
    const groupId = `matcher.${finality}`;
    const topics = topology.logs.all.map((topic) => topic.name);
    const consumer = broker.consumer({
      groupId,
      topics,
      pauseAbove: unsettledMax,
      resumeBelow: unsettledMax / 2,
      sessionTimeoutMs: config.SESSION_TIMEOUT_MS,
      heartbeatIntervalMs: Math.floor(config.SESSION_TIMEOUT_MS / 4),
    });
    const follow = (wait: Wait): KafkaGroupDeps["role"] => {
      leads ??= createKafkaLeads({ admin: broker.admin(), pool, topology, logger });
      const lead = leads.view();
      const gate = createKafkaGates({ wait, consumer, lead, ledgers, logger });
      gates.push(gate);
      return { kind: "follows", lead, gates: gate };
    };
    const role: KafkaGroupDeps["role"] = finality === "latest" ? { kind: "leads", epochs } : follow(finality);
    return createKafkaGroup({
      groupId,
      finality,
      topology,
      consumer,
      filters,
      role,
      outbox,
      logger,
      metrics,
      now,
      onCrash: crashed.resolve,
    });
  });
  observe(metrics, config.MATCHER_GROUPS, filters, groups);

  return {
    async start() {
      await filters.start();
      await producer.start();
      if (waits) ledgers.start();
      await Promise.all(groups.map((group) => group.start()));
    },
    async stop() {
      await Promise.all(groups.map((group) => group.stop()));
      await ledgers.stop();
      await leads?.stop();
      epochs.stop();
      await producer.stop();
      await filters.stop();
      await pool.end();
    },
    notReady: () => {
      const problems = groups.flatMap((group) => group.problems());
      if (!filters.connected()) problems.push("no connection to Postgres: changes of filters are not seen");
      if (producer.stalledMs() > stalledMaxMs) problems.push("deliveries cannot be written to Kafka");
      return problems;
    },
    crashed: crashed.promise,
  };
}

/** Gauges that are read when they are scraped. */
function observe(
  metrics: Metrics,
  finalities: readonly Finality[],
  filters: PostgresFilters,
  groups: readonly KafkaGroup[],
): void {
  metrics
    .gauge("ethhook_matcher_filters")
    .collect(() => finalities.map((finality) => [{ finality }, filters.size(finality)]));
  metrics.gauge("ethhook_matcher_list_addresses").collect(() => [[{}, filters.lists().addresses]]);
  metrics.gauge("ethhook_matcher_list_bytes").collect(() => [[{}, filters.lists().bytes]]);
  metrics
    .gauge("ethhook_matcher_partitions_stopped")
    .collect(() => groups.map((group) => [{ group: group.groupId }, group.problems().length]));
  const eligible = () =>
    groups.flatMap(({ groupId: group, eligible: of }) =>
      of().map(({ chain, logs, seconds }) => ({ labels: { group, chain }, logs, seconds })),
    );
  metrics
    .gauge("ethhook_matcher_eligible_logs")
    .collect(() => eligible().map(({ labels, logs }) => [labels, logs] as const));
  metrics
    .gauge("ethhook_matcher_eligible_seconds")
    .collect(() => eligible().map(({ labels, seconds }) => [labels, seconds] as const));
}

/** Records of one partition in memory at most: with 48 partitions and three groups, a bound on all. */
const unsettledMax = 2_000;
const stalledMaxMs = 10_000;
