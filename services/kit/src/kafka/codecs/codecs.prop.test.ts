import { gzipSync, zstdCompressSync } from "node:zlib";
import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { decompress } from "./codecs.ts";
import { decompressLz4 } from "./lz4.ts";
import { decompressSnappy } from "./snappy.ts";

const limit = 1_000_000;
const bytes = fc.uint8Array({ maxLength: 2_000 }).map((array) => Buffer.from(array));

/** Tokens of a compressor that finds no good matches but uses every kind of element. */
const pieces = fc.array(
  fc.oneof(
    fc.record({
      literal: fc.uint8Array({ minLength: 1, maxLength: 300 }).map((array) => Buffer.from(array)),
    }),
    fc.record({ distance: fc.nat(70_000), length: fc.integer({ min: 4, max: 60 }) }),
  ),
  { maxLength: 30 },
);

type Piece = { literal: Buffer } | { distance: number; length: number };

/** What the pieces mean, and the pieces with distances made valid. */
function plan(given: readonly Piece[]): { plain: Buffer; valid: Piece[] } {
  let plain = Buffer.alloc(0);
  const valid: Piece[] = [];
  for (const piece of given) {
    if ("literal" in piece) {
      plain = Buffer.concat([plain, piece.literal]);
      valid.push(piece);
    } else if (plain.length > 0) {
      const distance = (piece.distance % Math.min(plain.length, 65_535)) + 1;
      for (let i = 0; i < piece.length; i += 1)
        plain = Buffer.concat([plain, plain.subarray(plain.length - distance, plain.length - distance + 1)]);
      valid.push({ distance, length: piece.length });
    }
  }
  return { plain, valid };
}

function snappyOf({ plain, valid }: { plain: Buffer; valid: readonly Piece[] }): Buffer {
  const parts: Buffer[] = [varint(plain.length)];
  for (const piece of valid) {
    if ("literal" in piece) {
      const length = piece.literal.length - 1;
      if (length < 60) parts.push(Buffer.from([length << 2]));
      else if (length < 256) parts.push(Buffer.from([60 << 2, length]));
      else parts.push(Buffer.from([61 << 2, length & 255, length >> 8]));
      parts.push(piece.literal);
    } else if (piece.distance < 2048 && piece.length < 12) {
      parts.push(
        Buffer.from([1 | ((piece.length - 4) << 2) | ((piece.distance >> 8) << 5), piece.distance & 255]),
      );
    } else
      parts.push(Buffer.from([2 | ((piece.length - 1) << 2), piece.distance & 255, piece.distance >> 8]));
  }
  return Buffer.concat(parts);
}

function lz4BlockOf(valid: readonly Piece[]): Buffer {
  const parts: Buffer[] = [];
  let literal = Buffer.alloc(0);
  const sequence = (match?: { distance: number; length: number }): void => {
    const long = (value: number): Buffer =>
      value < 15
        ? Buffer.alloc(0)
        : Buffer.from([
            ...Array.from({ length: Math.floor((value - 15) / 255) }, () => 255),
            (value - 15) % 255,
          ]);
    const matchLength = match ? match.length - 4 : 0;
    parts.push(
      Buffer.from([(Math.min(15, literal.length) << 4) | Math.min(15, matchLength)]),
      long(literal.length),
      literal,
    );
    if (match) parts.push(Buffer.from([match.distance & 255, match.distance >> 8]), long(matchLength));
    literal = Buffer.alloc(0);
  };
  for (const piece of valid) {
    if ("literal" in piece) literal = Buffer.concat([literal, piece.literal]);
    else sequence(piece);
  }
  sequence();
  return Buffer.concat(parts);
}

function lz4FrameOf(blocks: readonly { data: Buffer; stored: boolean }[], flags = 0x40): Buffer {
  const parts: Buffer[] = [Buffer.from([0x04, 0x22, 0x4d, 0x18, flags, 0x70, 0x00])];
  for (const { data, stored } of blocks) {
    const header = Buffer.alloc(4);
    header.writeUInt32LE((data.length | (stored ? 0x80000000 : 0)) >>> 0);
    parts.push(header, data);
  }
  parts.push(Buffer.alloc(4));
  return Buffer.concat(parts);
}

function varint(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  while (rest >= 128) {
    out.push((rest & 127) | 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...out, rest]);
}

test.prop([pieces])("raw snappy expands to what its elements mean", (given) => {
  const planned = plan(given);
  expect(decompressSnappy(snappyOf(planned), limit)).toEqual(planned.plain);
});

test.prop([pieces, pieces])("Java's snappy stream is its blocks, one after the other", (first, second) => {
  const planned = [plan(first), plan(second)];
  const blocks = planned.map((one) => {
    const data = snappyOf(one);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    return Buffer.concat([length, data]);
  });
  const header = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
  expect(decompressSnappy(Buffer.concat([header, ...blocks]), limit)).toEqual(
    Buffer.concat(planned.map((one) => one.plain)),
  );
});

test.prop([pieces, bytes])("an lz4 frame expands to its compressed and stored blocks", (given, stored) => {
  const planned = plan(given);
  const frame = lz4FrameOf([
    { data: lz4BlockOf(planned.valid), stored: false },
    ...(stored.length > 0 ? [{ data: stored, stored: true }] : []),
  ]);
  expect(decompressLz4(frame, limit)).toEqual(Buffer.concat([planned.plain, stored]));
});

test.prop([bytes])("gzip and zstd expand to what was compressed", (plain) => {
  expect(decompress(1, gzipSync(plain))).toEqual(plain);
  expect(decompress(4, zstdCompressSync(plain))).toEqual(plain);
});

test.prop([fc.constantFrom(1, 2, 3, 4, 5, 7), bytes])(
  "noise either expands or throws, and never hangs",
  (codec, noise) => {
    try {
      decompress(codec, noise);
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
    }
  },
);

test("a bomb is refused before it is expanded", () => {
  expect(() => decompressSnappy(varint(4_000_000_000), limit)).toThrow("more than");
  const repeat = lz4BlockOf([
    { literal: Buffer.from("a") },
    ...Array.from({ length: 40 }, () => ({ distance: 1, length: 60_000 })),
  ]);
  expect(() => decompressLz4(lz4FrameOf([{ data: repeat, stored: false }]), limit)).toThrow(RangeError);
});
