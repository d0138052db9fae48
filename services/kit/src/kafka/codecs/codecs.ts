import { gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { decompressLz4 } from "./lz4.ts";
import { decompressSnappy } from "./snappy.ts";

/** A batch that grows beyond this is an attack or a mistake. Kafka's own limits are far below. */
export const batchBytesMax = 268_435_456;

/** Kafka's numbers of the codecs, from a batch's attributes. */
const gzip = 1;
const snappy = 2;
const lz4 = 3;
const zstd = 4;

/**
 * The records of a compressed batch, by whatever client wrote it.
 * @param codec the low three bits of the batch's attributes.
 * @throws on malformed input or an unknown codec.
 */
export function decompress(codec: number, input: Buffer): Buffer {
  switch (codec) {
    case gzip:
      return gunzipSync(input, { maxOutputLength: batchBytesMax });
    case snappy:
      return decompressSnappy(input, batchBytesMax);
    case lz4:
      return decompressLz4(input, batchBytesMax);
    case zstd:
      return zstdDecompressSync(input, { maxOutputLength: batchBytesMax });
    default:
      throw new RangeError(`no codec has the number ${codec}`);
  }
}

/** kafkajs' shape of a codec; an encoder holds the records' bytes. */
interface KafkajsCodec {
  compress(encoder: { readonly buffer: Buffer }): Promise<Buffer>;
  decompress(buffer: Buffer): Promise<Buffer>;
}

/** What this product reads, and the two codecs that its topics may be written with. */
export const kafkajsCodecs: Readonly<Record<number, () => KafkajsCodec>> = {
  [gzip]: () => codecOf(gzip, (buffer) => gzipSync(buffer, { level: 1 })),
  [snappy]: () => codecOf(snappy),
  [lz4]: () => codecOf(lz4),
  [zstd]: () => codecOf(zstd, (buffer) => zstdCompressSync(buffer)),
};

function codecOf(codec: number, compress?: (buffer: Buffer) => Buffer): KafkajsCodec {
  return {
    compress: async ({ buffer }) => {
      if (!compress) throw new Error(`codec ${codec} is only read: write gzip or zstd`);
      return compress(buffer);
    },
    decompress: async (buffer) => decompress(codec, buffer),
  };
}
