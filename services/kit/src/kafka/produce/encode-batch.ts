import { gzipSync } from "node:zlib";
import { createZstd } from "../codecs/zstd.ts";
import type { OutRecord, TopicWrites } from "../types.ts";
import { ByteWriter, varintSize } from "./byte-writer.ts";
import { crc32c } from "./crc32c.ts";

export interface BatchHeader {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** Sequence of the first record in its partition, for the broker's deduplication. */
  readonly baseSequence: number;
  readonly transactional: boolean;
  readonly compression: TopicWrites["compression"];
  /** One time for all records, Unix milliseconds. */
  readonly timestampMs: number;
}

/** Bytes of a batch before its records. */
export const batchOverhead = 61;
const crcAt = 17;
const attributesAt = 21;
const transactionalBit = 0x10;
// One for all producers of the process: a batch is encoded without a pause.
const zstd = createZstd();
const codecs = { none: 0, gzip: 1, zstd: 4 } as const;

/**
 * Records as one batch of the log's format, version 2. kafkajs makes several buffers for each record; this is one for all.
 * @see https://kafka.apache.org/documentation/#recordbatch
 */
export function encodeBatch(records: readonly OutRecord[], header: BatchHeader): Buffer {
  if (header.compression === "none") {
    const sizes = measure(records);
    const writer = new ByteWriter(batchOverhead + sizes.total);
    writer.at = batchOverhead;
    writeRecords(writer, records, sizes);
    return finish(writer, records.length, header);
  }
  const sizes = measure(records);
  const plain = new ByteWriter(sizes.total);
  writeRecords(plain, records, sizes);
  const compressed = header.compression === "gzip" ? gzipSync(plain.bytes) : zstd.compress(plain.bytes);
  const writer = new ByteWriter(batchOverhead + compressed.length);
  writer.at = batchOverhead;
  writer.raw(compressed);
  return finish(writer, records.length, header);
}

function finish(writer: ByteWriter, count: number, header: BatchHeader): Buffer {
  const size = writer.bytes.length;
  writer.at = 0;
  writer.int64(0); // the broker gives the offset
  writer.int32(size - 12);
  writer.int32(-1); // the leader's epoch, which the broker fills in
  writer.int8(2);
  writer.int32(0); // the checksum, below
  writer.int16(codecs[header.compression] | (header.transactional ? transactionalBit : 0));
  writer.int32(count - 1);
  writer.int64(header.timestampMs);
  writer.int64(header.timestampMs);
  writer.int64(header.producerId);
  writer.int16(header.producerEpoch);
  writer.int32(header.baseSequence);
  writer.int32(count);
  writer.bytes.writeUInt32BE(crc32c(writer.bytes, attributesAt, size), crcAt);
  return writer.bytes;
}

interface Sizes {
  /** Three numbers a record: bytes of its body, of its key, of its value. */
  readonly of: Int32Array;
  readonly total: number;
}

function measure(records: readonly OutRecord[]): Sizes {
  const of = new Int32Array(records.length * 3);
  let total = 0;
  for (const [index, { key, value, headers }] of records.entries()) {
    const keyLength = Buffer.byteLength(key);
    const valueLength = typeof value === "string" ? Buffer.byteLength(value) : value.length;
    // Attributes and the time's delta, which is 0, take a byte each.
    const body =
      2 +
      varintSize(index) +
      varintSize(keyLength) +
      keyLength +
      varintSize(valueLength) +
      valueLength +
      (headers === undefined ? 1 : headersSize(headers));
    of[index * 3] = body;
    of[index * 3 + 1] = keyLength;
    of[index * 3 + 2] = valueLength;
    total += varintSize(body) + body;
  }
  return { of, total };
}

function headersSize(headers: Readonly<Record<string, string>>): number {
  const entries = Object.entries(headers);
  let size = varintSize(entries.length);
  for (const [name, value] of entries) {
    const [nameLength, valueLength] = [Buffer.byteLength(name), Buffer.byteLength(value)];
    size += varintSize(nameLength) + nameLength + varintSize(valueLength) + valueLength;
  }
  return size;
}

function writeRecords(writer: ByteWriter, records: readonly OutRecord[], { of }: Sizes): void {
  for (const [index, { key, value, headers }] of records.entries()) {
    const keyLength = of[index * 3 + 1] ?? 0;
    const valueLength = of[index * 3 + 2] ?? 0;
    writer.varint(of[index * 3] ?? 0);
    writer.int8(0);
    writer.varint(0);
    writer.varint(index);
    writer.varint(keyLength);
    writer.text(key, keyLength);
    writer.varint(valueLength);
    if (typeof value === "string") writer.text(value, valueLength);
    else writer.raw(value);
    writeHeaders(writer, headers);
  }
}

function writeHeaders(writer: ByteWriter, headers: Readonly<Record<string, string>> | undefined): void {
  const entries = headers === undefined ? [] : Object.entries(headers);
  writer.varint(entries.length);
  for (const [name, value] of entries) {
    for (const text of [name, value]) {
      const length = Buffer.byteLength(text);
      writer.varint(length);
      writer.text(text, length);
    }
  }
}
