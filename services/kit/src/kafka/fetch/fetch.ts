import type { Broker } from "kafkajs";
import { errorOfCode, type ProtocolError, sendRequest } from "../broker-request.ts";
import type { InRecord, TopicPartition } from "../types.ts";
import {
  decodeFetchResponse,
  type FetchedPartition,
  newestVersion,
  oldestVersion,
} from "./fetch-response.ts";
import { decodeRecordBatches } from "./record-batch.ts";
import { visibleRecords } from "./visible-records.ts";

export interface FetchTarget extends TopicPartition {
  readonly offset: number;
}

export interface FetchLimits {
  /** How long the broker waits for a first record. */
  readonly waitMs: number;
  readonly bytesMax: number;
  readonly partitionBytesMax: number;
}

export interface PartitionFetch extends TopicPartition {
  /** The offset that was asked for. */
  readonly from: number;
  readonly records: readonly InRecord[];
  /** Where the next fetch starts, markers passed over; undefined when nothing was there. */
  readonly next: number | undefined;
  readonly error: ProtocolError | undefined;
}

const readCommitted = 1;

/**
 * Fetches read-committed records of partitions whose leader is this broker. Rejects when the broker does not answer.
 * The answer is read here: kafkajs spends most of its time in 64-bit objects for every record, ends its consumer on a batch
 * that it cannot read, and overflows the stack on a large one.
 */
export async function fetchFrom(
  broker: Broker,
  targets: readonly FetchTarget[],
  limits: FetchLimits,
): Promise<PartitionFetch[]> {
  const answer = await sendRequest(broker, {
    api: "Fetch",
    versions: [oldestVersion, newestVersion],
    request: {
      isolationLevel: readCommitted,
      maxWaitTime: limits.waitMs,
      minBytes: 1,
      maxBytes: limits.bytesMax,
      topics: byTopic(targets, limits.partitionBytesMax),
      rackId: "",
    },
    decode: decodeFetchResponse,
  });
  if (answer.errorCode !== 0) throw errorOfCode(answer.errorCode);
  const offsets = new Map(targets.map(({ topic, partition, offset }) => [`${topic}:${partition}`, offset]));
  return answer.partitions.map((fetched) =>
    read(fetched, offsets.get(`${fetched.topic}:${fetched.partition}`) ?? 0),
  );
}

function read(fetched: FetchedPartition, from: number): PartitionFetch {
  const { topic, partition, errorCode } = fetched;
  if (errorCode !== 0) {
    return {
      topic,
      partition,
      from,
      records: [],
      next: undefined,
      error: errorOfCode(errorCode),
    };
  }
  const batches = decodeRecordBatches(fetched.batches, { topic, partition });
  return { topic, partition, from, ...visibleRecords(batches, fetched.aborted, from), error: undefined };
}

function byTopic(targets: readonly FetchTarget[], maxBytes: number) {
  return [...Map.groupBy(targets, (target) => target.topic)].map(([topic, mine]) => ({
    topic,
    partitions: mine.map(({ partition, offset }) => ({ partition, fetchOffset: String(offset), maxBytes })),
  }));
}
