import { createRequire } from "node:module";
import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { decodeRecordBatches } from "../fetch/record-batch.ts";
import { visibleRecords } from "../fetch/visible-records.ts";
import "../kafkajs.ts";
import { crc32c } from "./crc32c.ts";
import { type BatchHeader, encodeBatch } from "./encode-batch.ts";

const require = createRequire(import.meta.url);
const kafkajsDecode = require("kafkajs/src/protocol/recordBatch/v0/decoder.js") as (
  decoder: unknown,
) => Promise<{
  producerId: string;
  firstSequence: number;
  inTransaction: boolean;
  records: {
    offset: string;
    timestamp: string;
    key: Buffer | null;
    value: Buffer | null;
    headers: Record<string, Buffer>;
  }[];
}>;
const KafkajsDecoder = require("kafkajs/src/protocol/decoder.js") as new (buffer: Buffer) => unknown;
const kafkajsCrc = require("kafkajs/src/protocol/recordBatch/crc32C/index.js") as (buffer: Buffer) => number;

const text = fc.string({ unit: "grapheme", maxLength: 200 });
const headerName = fc
  .string({ unit: "grapheme-ascii", minLength: 1, maxLength: 20 })
  .filter((name) => name !== "__proto__");
const record = fc.record(
  {
    topic: fc.constant("t"),
    key: text,
    value: fc.oneof(
      text,
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    ),
    headers: fc.dictionary(headerName, text, { maxKeys: 3 }).map((headers) => ({ ...headers })),
  },
  { requiredKeys: ["topic", "key", "value"] },
);
const header: fc.Arbitrary<BatchHeader> = fc.record({
  producerId: fc.integer({ min: 0, max: 2 ** 40 }),
  producerEpoch: fc.nat(1_000),
  baseSequence: fc.nat(),
  transactional: fc.boolean(),
  compression: fc.constantFrom("none", "gzip", "zstd"),
  timestampMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
});
const records = fc.array(record, { minLength: 1, maxLength: 40 });

test.prop([records, header])("decoding what was encoded gives the records again", (given, as) => {
  const bytes = encodeBatch(given, as);
  const batches = decodeRecordBatches(bytes, { topic: "t", partition: 3 });
  expect(batches).toMatchObject([
    { lastOffset: given.length - 1, producerId: as.producerId, transactional: as.transactional },
  ]);
  const { records: read, next } = visibleRecords(batches, [], 0);
  expect(next).toBe(given.length);
  expect(
    read.map(({ offset, key, value, headers, timestampMs }) => ({
      offset,
      key,
      value: value!.toString("hex"),
      headers,
      timestampMs,
    })),
  ).toEqual(
    given.map(({ key, value, headers }, offset) => ({
      offset,
      key,
      value: Buffer.from(value as string).toString("hex"),
      headers: headers ?? {},
      timestampMs: as.timestampMs,
    })),
  );
});

test.prop([records, header])("kafkajs reads the same from it", async (given, as) => {
  const theirs = await kafkajsDecode(new KafkajsDecoder(encodeBatch(given, as)));
  expect(theirs).toMatchObject({
    producerId: String(as.producerId),
    firstSequence: as.baseSequence,
    inTransaction: as.transactional,
  });
  expect(
    theirs.records.map(({ offset, key, value }) => [offset, key!.toString(), value!.toString("hex")]),
  ).toEqual(
    given.map(({ key, value }, offset) => [
      String(offset),
      key,
      Buffer.from(value as string).toString("hex"),
    ]),
  );
});

test.prop([fc.uint8Array({ maxLength: 100 }), fc.nat(20)])(
  "the checksum is kafkajs' checksum, from any place",
  (bytes, start) => {
    const buffer = Buffer.concat([Buffer.alloc(start, 7), bytes]);
    expect(crc32c(buffer, start, buffer.length)).toBe(kafkajsCrc(Buffer.from(bytes)) >>> 0);
  },
);

test("the checksum of the usual test vector is the published one", () => {
  expect(crc32c(Buffer.from("123456789"), 0, 9)).toBe(0xe3069283);
});

test.prop([records, header, fc.nat(), fc.integer({ min: 0, max: 255 })])(
  "a batch with a changed byte is read, or is one unreadable record, and never throws",
  (given, as, at, byte) => {
    const bytes = encodeBatch(given, as);
    const following = encodeBatch([{ topic: "t", key: "after", value: "v" }], { ...as, compression: "none" });
    // Only behind the header: its length says where the next batch begins.
    const place = 61 + (at % Math.max(1, bytes.length - 61));
    if (place < bytes.length) bytes[place] = byte;
    const batches = decodeRecordBatches(Buffer.concat([bytes, following]), { topic: "t", partition: 0 });
    expect(batches).toHaveLength(2);
    expect(batches[1]!.records).toMatchObject([{ key: "after" }]);
    const [first] = batches;
    if (first!.records.some((one) => one.unreadable))
      expect(first!.records).toMatchObject([{ offset: first!.lastOffset, key: null }]);
  },
);

test.prop([records, header, fc.nat()])(
  "a batch that is cut off is left out, and what is before it is read",
  (given, as, cut) => {
    const whole = encodeBatch(given, as);
    const partial = whole.subarray(0, cut % whole.length);
    expect(decodeRecordBatches(Buffer.concat([whole, partial]), { topic: "t", partition: 0 })).toHaveLength(
      1,
    );
  },
);
