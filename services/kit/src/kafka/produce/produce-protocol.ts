import { ByteReader } from "../fetch/byte-reader.ts";
import type { TopicPartition } from "../types.ts";
import { ByteWriter } from "./byte-writer.ts";

export interface EncodedBatch extends TopicPartition {
  readonly bytes: Buffer;
}

export interface ProduceOutcome extends TopicPartition {
  /** Kafka's error number; 0 is none. */
  readonly errorCode: number;
}

/** Versions that this module writes and reads. Kafka 4 takes 3 and above; 7 brought zstd. */
export const oldestVersion = 3;
export const newestVersion = 7;

const acksAll = -1;

/** The body of a Produce request. @see https://kafka.apache.org/protocol#The_Messages_Produce */
export function encodeProduceRequest(
  batches: readonly EncodedBatch[],
  transactionalId: string | undefined,
  timeoutMs: number,
): Buffer {
  const topics = Map.groupBy(batches, (batch) => batch.topic);
  const writer = new ByteWriter(sizeOf(topics, transactionalId));
  if (transactionalId === undefined) writer.int16(-1);
  else writer.string(transactionalId);
  writer.int16(acksAll);
  writer.int32(timeoutMs);
  writer.int32(topics.size);
  for (const [topic, partitions] of topics) {
    writer.string(topic);
    writer.int32(partitions.length);
    for (const { partition, bytes } of partitions) {
      writer.int32(partition);
      writer.int32(bytes.length);
      writer.raw(bytes);
    }
  }
  return writer.bytes;
}

function sizeOf(
  topics: ReadonlyMap<string, readonly EncodedBatch[]>,
  transactionalId: string | undefined,
): number {
  let size = 2 + Buffer.byteLength(transactionalId ?? "") + 2 + 4 + 4;
  for (const [topic, partitions] of topics) {
    size += 2 + Buffer.byteLength(topic) + 4;
    for (const { bytes } of partitions) size += 8 + bytes.length;
  }
  return size;
}

export function decodeProduceResponse(
  bytes: Buffer,
  version: number,
): { outcomes: ProduceOutcome[]; throttleMs: number } {
  const reader = new ByteReader(bytes);
  const outcomes: ProduceOutcome[] = [];
  for (let topics = reader.int32(); topics > 0; topics -= 1) {
    const topic = reader.text(reader.int16());
    for (let count = reader.int32(); count > 0; count -= 1) {
      outcomes.push({ topic, partition: reader.int32(), errorCode: reader.int16() });
      reader.int64(); // the first offset
      reader.int64(); // the time of appending
      if (version >= 5) reader.int64(); // where the log starts
    }
  }
  return { outcomes, throttleMs: reader.int32() };
}
