import { metricCatalogue } from "@ethhook/topology";
import { createMetrics, Registry } from "../metrics.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../service.ts";
import { createAdmin, type KafkaAdmin } from "./admin.ts";
import type { ClientSettings } from "./client.ts";
import { createConsumer } from "./consumer.ts";
import { createKafkaMetrics } from "./kafka-metrics.ts";
import { createProducer } from "./producer.ts";
import { createReader } from "./reader.ts";
import { createTransactionalProducer } from "./transactional-producer.ts";
import type { Broker, InRecord, TopicPartition, TopicWrites } from "./types.ts";

export interface KafkaOptions {
  /** KAFKA_BROKERS. */
  readonly brokers: readonly string[];
  /** The service's name; shown in the broker's logs and in Console. */
  readonly clientId: string;
  readonly logger: Logger;
  /** A script may leave it out. */
  readonly metrics?: Metrics;
  /** How each topic is written. Default: not compressed, batches below 1 MB. Give the topology's declaration. */
  readonly writes?: (topic: string) => TopicWrites | undefined;
  readonly tls?: boolean;
  readonly sasl?: ClientSettings["sasl"];
}

/** The broker's usual `max.message.bytes`. */
const defaultWrites: TopicWrites = { compression: "none", messageBytesMax: 1_048_576 };

/** Everything that this product does with Kafka or Redpanda. Makes objects and starts nothing. */
export interface KafkaClient extends Broker {
  admin(): KafkaAdmin;
  /** The last `count` committed records of a partition, in order: a ledger's tail. Its own short connection. */
  readTail(partition: TopicPartition, count: number): Promise<readonly InRecord[]>;
}

/**
 * @example
 * const kafka = createKafka({ brokers: config.KAFKA_BROKERS, clientId: "matcher", logger, metrics });
 * const consumer = kafka.consumer({ groupId: "matcher.latest", topics });
 */
export function createKafka(options: KafkaOptions): KafkaClient {
  const { brokers, clientId, tls, sasl } = options;
  const logger = options.logger.child({ component: "kafka" });
  const settings: ClientSettings = {
    brokers,
    clientId,
    logger,
    ...(tls ? { tls } : {}),
    ...(sasl ? { sasl } : {}),
  };
  const metrics = createKafkaMetrics(options.metrics ?? createMetrics(metricCatalogue, new Registry()));
  const deps = {
    settings,
    logger,
    metrics,
    writes: (topic: string) => options.writes?.(topic) ?? defaultWrites,
  };
  return {
    consumer: (consumerOptions) => createConsumer(consumerOptions, deps),
    producer: (producerOptions = {}) => createProducer(producerOptions, deps),
    transactionalProducer: (id, producerOptions = {}) =>
      createTransactionalProducer(id, producerOptions, deps),
    reader: () => createReader(settings),
    admin: () => createAdmin(settings),
    readTail: async (partition, count) => {
      const reader = createReader(settings);
      try {
        return await reader.tail(partition, count);
      } finally {
        await reader.close();
      }
    },
  };
}
