import { promisify } from "node:util";
import { zstdCompress, zstdDecompress } from "node:zlib";
import kafkajs, { type Consumer, Kafka, logLevel } from "kafkajs";

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
/** What the product writes is compressed with zstd, which kafkajs leaves to its user. */
kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
  compress: (encoder: { readonly buffer: Buffer }) => compress(encoder.buffer),
  decompress: (buffer: Buffer) => decompress(buffer),
});

/** kafkajs with the settings that FACTS of this project found necessary, and nothing else around it. */
export function bareKafka(brokers: readonly string[]): Kafka {
  return new Kafka({
    brokers: [...brokers],
    clientId: "bare",
    logLevel: logLevel.NOTHING,
    connectionTimeout: 5_000,
  });
}

/**
 * A consumer loop as short as it can be: handles each batch without awaiting anything, and commits all partitions
 * together once a second, whether or not the work is done. It can lose records; it is a limit, not a product.
 */
export async function bareConsume(
  kafka: Kafka,
  options: {
    readonly groupId: string;
    readonly topic: string;
    readonly onValue: (value: Buffer) => void;
    /** Leaves out what stands in the topic already. */
    readonly fromEnd?: boolean;
  },
): Promise<Consumer> {
  const consumer = kafka.consumer({ groupId: options.groupId, maxWaitTimeInMs: 100, minBytes: 1 });
  const offsets = new Map<number, string>();
  // Only with its first fetch has a consumer asked where the topic ends.
  const positioned = new Promise<void>((resolve) => {
    consumer.on(consumer.events.FETCH, () => resolve());
  });
  await consumer.connect();
  await consumer.subscribe({ topic: options.topic, fromBeginning: options.fromEnd !== true });
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: true,
    eachBatch: async ({ batch }) => {
      for (const message of batch.messages) if (message.value !== null) options.onValue(message.value);
      offsets.set(batch.partition, String(BigInt(batch.lastOffset()) + 1n));
    },
  });
  const timer = setInterval(() => {
    const commits = [...offsets].map(([partition, offset]) => ({ topic: options.topic, partition, offset }));
    offsets.clear();
    consumer.commitOffsets(commits).catch(() => undefined);
  }, 1_000);
  timer.unref();
  consumer.on(consumer.events.DISCONNECT, () => clearInterval(timer));
  await positioned;
  return consumer;
}
