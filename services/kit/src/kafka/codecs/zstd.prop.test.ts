import { randomBytes } from "node:crypto";
import { zstdDecompressSync } from "node:zlib";
import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { createZstd } from "./zstd.ts";

test("this Node's compressor can be used again", () => {
  expect(createZstd().isReused).toBe(true);
});

const inputs = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 5_000 }).map((bytes) => Buffer.from(bytes)),
    fc.string({ maxLength: 200 }).map((text) => Buffer.from(text.repeat(500))),
  ),
  { maxLength: 8 },
);

test.prop([inputs])("each frame stands alone and expands to what was compressed", (given) => {
  const zstd = createZstd();
  for (const input of given) expect(zstdDecompressSync(zstd.compress(input))).toEqual(input);
});

test("what does not shrink, and what is larger than the buffer that is kept, are one frame each", () => {
  const zstd = createZstd();
  for (const size of [0, 1, 100_000, 1_048_576, 5_000_000, 10]) {
    const noise = randomBytes(size);
    expect(zstdDecompressSync(zstd.compress(noise)).equals(noise)).toBe(true);
  }
});
