import { decompress } from "../codecs/codecs.ts";
import type { InRecord, TopicPartition } from "../types.ts";
import { ByteReader } from "./byte-reader.ts";

/** What one batch of a partition's log holds. */
export interface RecordBatch {
  /** Offset of the batch's last record, also when compaction has removed that record. */
  readonly lastOffset: number;
  readonly producerId: number;
  readonly transactional: boolean;
  /** A transaction's marker, which has no record for us. */
  readonly control: "commit" | "abort" | undefined;
  readonly records: InRecord[];
}

// Where the fields of a batch stand. @see https://kafka.apache.org/documentation/#recordbatch
const lengthAt = 8;
const afterLength = 12;
const magicAt = 16;
const attributesAt = 21;
const lastOffsetDeltaAt = 23;
const firstTimestampAt = 27;
const maxTimestampAt = 35;
const producerIdAt = 43;
const recordCountAt = 57;
const recordsAt = 61;

const codecMask = 0x07;
const logAppendTime = 0x08;
const transactional = 0x10;
const control = 0x20;

const noHeaders: Readonly<Record<string, string>> = Object.freeze({});

/**
 * The batches in what a fetch brought of one partition. The last one may be cut off: it is left out.
 * A batch that cannot be read (corrupt, an unknown codec, an older format) becomes one record that says so, at the
 * batch's last offset, so that it can be dead-lettered and the partition goes on. Never throws on bad bytes.
 */
export function decodeRecordBatches(bytes: Buffer, at: TopicPartition): RecordBatch[] {
  const batches: RecordBatch[] = [];
  for (let start = 0; start + afterLength <= bytes.length;) {
    const end = start + afterLength + bytes.readInt32BE(start + lengthAt);
    if (end > bytes.length || end <= start + magicAt) break;
    batches.push(decodeBatch(bytes.subarray(start, end), at));
    start = end;
  }
  return batches;
}

function decodeBatch(batch: Buffer, at: TopicPartition): RecordBatch {
  const baseOffset = new ByteReader(batch).int64();
  const magic = batch.readInt8(magicAt);
  if (magic !== 2 || batch.length < recordsAt) {
    const reason = `a batch of format ${magic}, not 2`;
    return plainBatch(baseOffset, [unreadable(batch, at, baseOffset, reason)]);
  }
  const attributes = batch.readInt16BE(attributesAt);
  const lastOffset = baseOffset + batch.readInt32BE(lastOffsetDeltaAt);
  const header = {
    lastOffset,
    producerId: int64At(batch, producerIdAt),
    transactional: (attributes & transactional) !== 0,
  };
  if ((attributes & control) !== 0) return { ...header, control: controlOf(batch), records: [] };
  try {
    return { ...header, control: undefined, records: decodeRecords(batch, attributes, baseOffset, at) };
  } catch (error) {
    const reason = `a batch that cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    return { ...header, control: undefined, records: [unreadable(batch, at, lastOffset, reason)] };
  }
}

function plainBatch(lastOffset: number, records: InRecord[]): RecordBatch {
  return { lastOffset, producerId: -1, transactional: false, control: undefined, records };
}

function unreadable(batch: Buffer, at: TopicPartition, offset: number, reason: string): InRecord {
  const { topic, partition } = at;
  return {
    topic,
    partition,
    offset,
    key: null,
    value: batch,
    headers: noHeaders,
    timestampMs: 0,
    unreadable: reason,
  };
}

/** A marker's key holds its version and then its type: 0 aborts, 1 commits. Other types are not transactions' ends. */
function controlOf(batch: Buffer): "commit" | "abort" {
  const reader = new ByteReader(batch);
  reader.at = recordsAt;
  reader.varint();
  reader.int8();
  reader.varlong();
  reader.varint();
  const key = reader.take(reader.varint());
  return key.length >= 4 && key.readInt16BE(2) === 0 ? "abort" : "commit";
}

function decodeRecords(
  batch: Buffer,
  attributes: number,
  baseOffset: number,
  at: TopicPartition,
): InRecord[] {
  const codec = attributes & codecMask;
  const plain = codec === 0 ? batch : decompress(codec, batch.subarray(recordsAt));
  const reader = new ByteReader(plain);
  if (codec === 0) reader.at = recordsAt;
  const count = batch.readInt32BE(recordCountAt);
  const firstTimestamp = int64At(batch, firstTimestampAt);
  // With the broker's clock, all records have the batch's time.
  const fixedTimestamp = (attributes & logAppendTime) !== 0 ? int64At(batch, maxTimestampAt) : undefined;
  const { topic, partition } = at;
  const records: InRecord[] = [];
  for (let index = 0; index < count; index += 1) {
    const end = reader.varint() + reader.at;
    if (end > plain.length) throw new RangeError(`record ${index} ends beyond its batch`);
    reader.at += 1;
    const timestampMs = firstTimestamp + reader.varlong();
    const offset = baseOffset + reader.varint();
    const keyLength = reader.varint();
    const key = keyLength < 0 ? null : reader.text(keyLength);
    const valueLength = reader.varint();
    const value = valueLength < 0 ? null : reader.take(valueLength);
    const headerCount = reader.varint();
    const headers = headerCount <= 0 ? noHeaders : readHeaders(reader, headerCount);
    records.push({
      topic,
      partition,
      offset,
      key,
      value,
      headers,
      timestampMs: fixedTimestamp ?? timestampMs,
    });
    // A later version of the format may add fields at a record's end.
    reader.at = end;
  }
  return records;
}

function readHeaders(reader: ByteReader, count: number): Readonly<Record<string, string>> {
  const headers: Record<string, string> = {};
  for (let index = 0; index < count; index += 1) {
    const name = reader.text(reader.varint());
    const length = reader.varint();
    // A header sent twice keeps its last value.
    headers[name] = length < 0 ? "" : reader.text(length);
  }
  return headers;
}

function int64At(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 4_294_967_296 + bytes.readUInt32BE(at + 4);
}
