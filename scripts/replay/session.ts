import {
  createKafka,
  createLogger,
  type Config,
  type KafkaAdmin,
  type KafkaClient,
  type Logger,
  type PartitionReader,
  type Producer,
  type Variables,
} from "@ethhook/kit";
import { createPostgres, type Pool } from "@ethhook/kit/postgres";
import { chainVariables, clickhouseVariables, kafkaVariables, postgresVariables } from "@ethhook/kit";
import { createTopology, type Topology } from "@ethhook/topology";
import { createReplayStore, type ReplayStore } from "./store.ts";

export const replayVariables = {
  ...kafkaVariables,
  ...postgresVariables,
  ...clickhouseVariables,
  ...chainVariables,
} as const satisfies Variables;

export type ReplayConfig = Config<typeof replayVariables>;

/** What replays, redrives and audits work with. Connects when first used. */
export interface Session {
  readonly config: ReplayConfig;
  readonly topology: Topology;
  readonly logger: Logger;
  readonly admin: KafkaAdmin;
  readonly kafka: KafkaClient;
  readonly reader: PartitionReader;
  readonly producer: Producer;
  readonly pool: Pool;
  readonly store: ReplayStore;
  close(): Promise<void>;
}

export async function openSession(name: string, config: ReplayConfig): Promise<Session> {
  const logger = createLogger({ name, level: "error" });
  const topology = createTopology(config.CHAINS_EXTRA);
  const kafka = createKafka({
    brokers: config.KAFKA_BROKERS,
    clientId: name,
    logger,
    writes: (topic) => topology.topics.find((declared) => declared.name === topic),
  });
  const [admin, reader, producer] = [kafka.admin(), kafka.reader(), kafka.producer()];
  const pool = createPostgres({ url: config.DATABASE_URL, logger, connectionsMax: 4 });
  await producer.start();
  return {
    config,
    topology,
    logger,
    kafka,
    admin,
    reader,
    producer,
    pool,
    store: createReplayStore(pool),
    async close() {
      await producer.stop();
      await Promise.all([admin.close(), reader.close(), pool.end()]);
    },
  };
}
