import { ByteReader } from "./byte-reader.ts";
import type { AbortedTransaction } from "./visible-records.ts";

export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  /** Kafka's error number; 0 is none. */
  readonly errorCode: number;
  readonly aborted: readonly AbortedTransaction[];
  /** The log's batches, the last one possibly cut off. */
  readonly batches: Buffer;
}

export interface FetchResponse {
  /** KIP-219: how long the broker asks us to wait before the next request. */
  readonly throttleMs: number;
  readonly errorCode: number;
  readonly partitions: readonly FetchedPartition[];
}

/** Versions whose answers this module can read: Kafka 0.11 to the last one that kafkajs can ask for. */
export const oldestVersion = 4;
export const newestVersion = 11;

/** @see https://kafka.apache.org/protocol#The_Messages_Fetch */
export function decodeFetchResponse(bytes: Buffer, version: number): FetchResponse {
  const reader = new ByteReader(bytes);
  const throttleMs = reader.int32();
  const errorCode = version >= 7 ? reader.int16() : 0;
  if (version >= 7) reader.int32(); // the fetch session, which is not used
  const partitions: FetchedPartition[] = [];
  for (let topics = reader.int32(); topics > 0; topics -= 1) {
    const topic = reader.text(reader.int16());
    for (let count = reader.int32(); count > 0; count -= 1)
      partitions.push(readPartition(reader, topic, version));
  }
  return { throttleMs, errorCode, partitions };
}

function readPartition(reader: ByteReader, topic: string, version: number): FetchedPartition {
  const partition = reader.int32();
  const errorCode = reader.int16();
  reader.int64(); // the high watermark
  reader.int64(); // the last stable offset
  if (version >= 5) reader.int64(); // where the log starts
  const aborted: AbortedTransaction[] = [];
  for (let count = reader.int32(); count > 0; count -= 1) {
    aborted.push({ producerId: reader.int64(), firstOffset: reader.int64() });
  }
  if (version >= 11) reader.int32(); // the replica it would rather serve us from
  const size = reader.int32();
  return { topic, partition, errorCode, aborted, batches: reader.take(Math.max(0, size)) };
}
