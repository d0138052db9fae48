import { createClient } from "@clickhouse/client";
import { startClickHouse, startKafka } from "@ethhook/infra";
import type { KafkaClient, OutRecord } from "@ethhook/kit";
import { migrateClickHouse } from "@ethhook/scripts/migrate";
import { applyTopology } from "@ethhook/scripts/topology";
import { builtInChains, createTopology, type Topology } from "@ethhook/topology";
import { testKafka } from "./kafka.ts";

/** A broker and a ClickHouse that reads it, with all topics and tables. */
export interface ClickHouseStage {
  readonly topology: Topology;
  readonly broker: string;
  readonly url: string;
  readonly database: string;
  readonly kafka: KafkaClient;
  /** Resolves once the broker holds them. */
  send(...records: readonly OutRecord[]): Promise<void>;
  rows<T = Record<string, unknown>>(query: string): Promise<T[]>;
  command(query: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startClickHouseStage(): Promise<ClickHouseStage> {
  const [broker, clickhouse] = await Promise.all([startKafka(), startClickHouse()]);
  const topology = createTopology(builtInChains);
  const database = "ethhook";
  const kafka = testKafka(broker.url, topology);
  const admin = kafka.admin();
  await applyTopology(admin, topology);
  await admin.close();
  await migrateClickHouse({ url: clickhouse.url, database, brokers: [broker.url], chains: builtInChains });
  const producer = kafka.producer();
  await producer.start();
  const db = createClient({ url: clickhouse.url, database });
  return {
    topology,
    broker: broker.url,
    url: clickhouse.url,
    database,
    kafka,
    send: (...records) => producer.send(records),
    rows: async <T>(query: string) => (await db.query({ query, format: "JSONEachRow" })).json<T>(),
    command: async (query) => {
      await db.command({ query });
    },
    stop: async () => {
      await db.close();
      await producer.stop();
      await Promise.all([broker.stop(), clickhouse.stop()]);
    },
  };
}
