import type { Broker } from "kafkajs";
import { errorOfCode, type ProtocolError, sendRequest } from "../broker-request.ts";
import type { TopicPartition, TopicWrites } from "../types.ts";
import type { ProduceConnection, ProducerIdentity } from "./connection.ts";
import { encodeBatch } from "./encode-batch.ts";
import {
  decodeProduceResponse,
  type EncodedBatch,
  encodeProduceRequest,
  newestVersion,
  oldestVersion,
} from "./produce-protocol.ts";
import type { OpenBatch } from "./send-buffer.ts";

export interface WriteOptions extends ProducerIdentity {
  readonly transactionalId?: string;
  readonly writes: (topic: string) => TopicWrites;
  readonly timeoutMs: number;
  /** What must have succeeded before anything is sent; the batches are encoded meanwhile. */
  readonly after?: Promise<unknown>;
}

export interface WriteOutcome extends TopicPartition {
  /** Undefined when the broker holds the batch. */
  readonly error: Error | undefined;
}

/** The broker has these records already, from an answer that was lost. */
const duplicate = "DUPLICATE_SEQUENCE_NUMBER";

/**
 * Writes batches to their leaders, one request a broker, all at once. Never rejects: a broker that does not answer fails
 * each of its batches, and the outcome of those is unknown.
 */
export async function writeBatches(
  connection: ProduceConnection,
  batches: readonly OpenBatch[],
  options: WriteOptions,
): Promise<WriteOutcome[]> {
  const byLeader = Map.groupBy(batches, ({ topic, partition }) => connection.leader(topic, partition));
  const written = [...byLeader].map(async ([nodeId, mine]) => {
    try {
      if (nodeId === undefined) throw errorOfCode(leaderNotAvailable);
      return await writeTo(await connection.broker(nodeId), mine, options);
    } catch (error) {
      return mine.map(({ topic, partition }) => ({ topic, partition, error: error as Error }));
    }
  });
  return (await Promise.all(written)).flat();
}

const leaderNotAvailable = 5;

async function writeTo(
  broker: Broker,
  batches: readonly OpenBatch[],
  options: WriteOptions,
): Promise<WriteOutcome[]> {
  const encoded = encodeAll(batches, options);
  await options.after;
  const { outcomes } = await sendRequest(broker, {
    api: "Produce",
    versions: [oldestVersion, newestVersion],
    timeoutMs: options.timeoutMs,
    request: { acks: -1, timeout: options.timeoutMs, topicData: [] },
    encode: () => encodeProduceRequest(encoded, options.transactionalId, options.timeoutMs),
    decode: decodeProduceResponse,
  });
  return outcomes.map(({ topic, partition, errorCode }) => {
    const error = errorCode === 0 ? undefined : errorOfCode(errorCode);
    return { topic, partition, error: isDuplicate(error) ? undefined : error };
  });
}

function isDuplicate(error: ProtocolError | undefined): boolean {
  return error?.type === duplicate;
}

function encodeAll(batches: readonly OpenBatch[], options: WriteOptions): EncodedBatch[] {
  const timestampMs = Date.now();
  const { producerId, producerEpoch } = options;
  const transactional = options.transactionalId !== undefined;
  return batches.map(({ topic, partition, records, baseSequence }) => {
    const { compression } = options.writes(topic);
    const header = { producerId, producerEpoch, baseSequence, transactional, compression, timestampMs };
    return { topic, partition, bytes: encodeBatch(records, header) };
  });
}
