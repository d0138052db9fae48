import {
  createKafka,
  createLogger,
  createMetrics,
  loadConfig,
  Registry,
  type KafkaClient,
  type Service,
} from "@ethhook/kit";
import { startEngines, type Engines } from "@ethhook/infra";
import { createMatcher } from "@ethhook/matcher";
import { matcherVariables } from "@ethhook/matcher/config";
import { deliveryCodec, type Block, type Delivery, type Log } from "@ethhook/schemas";
import { migratePostgres } from "@ethhook/scripts/migrate";
import { builtInChains, createTopology, metricCatalogue, toRecord } from "@ethhook/topology";
import type pg from "pg";
import { until } from "./until.ts";
import { testPool } from "./postgres.ts";

/** A subscription as the API writes it. */
export interface Wish {
  readonly filter: unknown;
  readonly finality?: "latest" | "confirmed" | "finalized";
  readonly format?: "standard" | "legacy";
  readonly sendRemoved?: boolean;
}

export interface TestMatcher extends Service {
  /** Resolves when this version of the filters is in its memory. */
  knows(version: number): Promise<void>;
  /** The values of one of its metrics by their labels, as `group=matcher.latest`; `` for one without. */
  metric(name: string): Promise<ReadonlyMap<string, number>>;
}

/** Real engines with the topics and tables that a matcher needs. */
export interface MatcherWorld {
  readonly kafka: KafkaClient;
  readonly database: pg.Pool;
  readonly env: Readonly<Record<string, string>>;
  /** Appends a version for an endpoint; null deletes it. @returns the version. */
  subscribe(endpoint: string, wish: Wish | null): Promise<number>;
  /** Changes a named list of the test's user. @returns the version. */
  changeList(name: string, added: readonly string[], removed?: readonly string[]): Promise<number>;
  publish(logs: readonly Log[]): Promise<void>;
  /** Writes ledger records. */
  ledger(blocks: readonly Block[]): Promise<void>;
  /** Every delivery so far, in the order of their partitions. */
  deliveries(): Promise<readonly Delivery[]>;
  /** A matcher inside this process. */
  matcher(settings?: Readonly<Record<string, string>>): TestMatcher;
  stop(): Promise<void>;
}

export const topology = createTopology(builtInChains);
const silent = createLogger({ name: "test", level: process.env["TEST_LOG_LEVEL"] ?? "silent" });

export async function createMatcherWorld(): Promise<MatcherWorld> {
  const engines: Engines = await startEngines({ kafka: true, postgres: true });
  const brokers = engines.kafka?.brokers ?? [];
  const url = engines.postgres?.url ?? "";
  await migratePostgres(url);
  const database = testPool(url);
  await database.query("INSERT INTO users (id, email) VALUES ('usr_test', 'test@example.com')");
  const writes = new Map(topology.topics.map((topic) => [topic.name, topic]));
  const kafka = createKafka({
    brokers,
    clientId: "test",
    logger: silent,
    writes: (topic) => writes.get(topic),
  });
  const admin = kafka.admin();
  await admin.createTopics(
    topology.topics.map(({ name, partitions, messageBytesMax }) => ({
      name,
      partitions,
      replicationFactor: 1,
      configs: { "max.message.bytes": String(messageBytesMax) },
    })),
  );
  await admin.close();
  const producer = kafka.producer();
  await producer.start();
  const env = { KAFKA_BROKERS: brokers.join(","), DATABASE_URL: url, LOG_LEVEL: "warn", HTTP_PORT: "0" };

  return {
    kafka,
    database,
    env,
    async subscribe(endpoint, wish) {
      const subscription =
        wish === null ? null : { finality: "latest", format: "standard", sendRemoved: true, ...wish };
      const { rows } = await database.query<{ version: string }>(
        "SELECT append_filter_version($1, 'app_test', 'usr_test', $2) AS version",
        [endpoint, subscription],
      );
      return Number(rows[0]?.version);
    },
    async changeList(name, added, removed = []) {
      const bytes = (list: readonly string[]): Buffer[] =>
        list.map((address) => Buffer.from(address.slice(2), "hex"));
      const { rows } = await database.query<{ version: string }>(
        "SELECT change_address_list('usr_test', $1, $2, $3) AS version",
        [name, bytes(added), bytes(removed)],
      );
      return Number(rows[0]?.version);
    },
    publish: (logs) => producer.send(logs.map((log) => toRecord(topology.logs.of(log.chainId), log))),
    ledger: (blocks) => producer.send(blocks.map((block) => toRecord(topology.blocks, block))),
    async deliveries() {
      const reader = kafka.reader();
      const found: Delivery[] = [];
      for (let partition = 0; partition < topology.deliveries.partitions; partition += 1) {
        for await (const records of reader.read({ topic: topology.deliveries.name, partition })) {
          for (const record of records) {
            const decoded = deliveryCodec.decode(record.value);
            if (!decoded.ok) throw new Error(decoded.reason);
            found.push(decoded.value);
          }
        }
      }
      await reader.close();
      return found;
    },
    matcher(settings = {}) {
      const registry = new Registry();
      const deps = { logger: silent, metrics: createMetrics(metricCatalogue, registry), now: Date.now };
      const service = createMatcher(loadConfig(matcherVariables, { ...env, ...settings }), deps);
      const metric: TestMatcher["metric"] = async (name) => {
        const found = await registry.getSingleMetric(name)?.get();
        return new Map(
          found?.values.map(({ labels, value }) => [
            Object.entries(labels)
              .map(([label, of]) => `${label}=${of}`)
              .join(),
            value,
          ]),
        );
      };
      const knows = async (version: number): Promise<void> => {
        const known = async (): Promise<number> =>
          (await metric("ethhook_matcher_filter_version")).get("") ?? 0;
        await until("the version that the matcher knows", known, (found) => found >= version);
      };
      return { ...service, knows, metric };
    },
    async stop() {
      await producer.stop();
      await database.end();
      await engines.stop();
    },
  };
}
