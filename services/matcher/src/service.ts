import {
  createKafka,
  createPostgres,
  type Broker,
  type Pool,
  type Service,
  type ServiceDeps,
} from "@ethhook/kit";
import { createTopology } from "@ethhook/topology";
import { createKafkaGroup, type KafkaGroup } from "./adapters/kafka-group.ts";
import { createKafkaLedgers } from "./adapters/kafka-ledgers.ts";
import { createKafkaOutbox } from "./adapters/kafka-outbox.ts";
import { createPostgresEpochs, type PostgresEpochs } from "./adapters/postgres-epochs.ts";
import { createPostgresFilters } from "./adapters/postgres-filters.ts";
import type { MatcherConfig } from "./config.ts";

export interface MatcherDeps extends ServiceDeps {
  /** Stands in for Kafka in tests and benchmarks. */
  readonly broker?: Broker;
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
      for (const group of groups) group.ledgerAdvanced(chainId);
    },
    onCrash: crashed.resolve,
  });
  const waits = config.MATCHER_GROUPS.some((finality) => finality !== "latest");
  const epochs: PostgresEpochs[] = [];
  const groups: readonly KafkaGroup[] = config.MATCHER_GROUPS.map((finality) => {
    const groupId = `matcher.${finality}`;
    const log = createPostgresEpochs(groupId, pool, logger);
    epochs.push(log);
    const topics = topology.logs.all.map((topic) => topic.name);
    const consumer = broker.consumer({
      groupId,
      topics,
      pauseAbove: unsettledMax,
      resumeBelow: unsettledMax / 2,
    });
    return createKafkaGroup({
      groupId,
      finality,
      topology,
      consumer,
      filters,
      epochs: log,
      outbox,
      ledgers,
      logger,
      metrics,
      now,
      onCrash: crashed.resolve,
    });
  });
  metrics
    .gauge("ethhook_matcher_filters")
    .collect(() => config.MATCHER_GROUPS.map((finality) => [{ finality }, filters.size(finality)]));
  metrics
    .gauge("ethhook_matcher_partitions_stopped")
    .collect(() => groups.map((group) => [{ group: group.groupId }, group.problems().length]));

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
      for (const log of epochs) log.stop();
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

/** Records of one partition in memory at most: with 48 partitions and three groups, a bound on all. */
const unsettledMax = 2_000;
const stalledMaxMs = 10_000;
