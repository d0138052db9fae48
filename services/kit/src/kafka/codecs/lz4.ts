import { copyBack } from "./snappy.ts";

const frameMagic = 0x184d2204;
const firstSkippableMagic = 0x184d2a50;
const blockBytesMax: Readonly<Record<number, number>> = { 4: 65_536, 5: 262_144, 6: 1_048_576, 7: 4_194_304 };

/**
 * Expands LZ4 frames, linked or independent blocks. Checksums are skipped: Kafka's batch has its own.
 * @param bytesMax more than this is refused.
 * @throws RangeError on malformed input.
 * @see https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md
 */
export function decompressLz4(input: Buffer, bytesMax: number): Buffer {
  const grown: Grown = {
    buffer: Buffer.allocUnsafe(Math.min(bytesMax, Math.max(65_536, input.length * 4))),
    bytesMax,
  };
  let out = 0;
  let at = 0;
  while (at < input.length) {
    const magic = input.readUInt32LE(at);
    at += 4;
    if (magic >= firstSkippableMagic && magic < firstSkippableMagic + 16) {
      at += 4 + input.readUInt32LE(at);
      continue;
    }
    if (magic !== frameMagic) throw new RangeError("lz4: not a frame");
    [at, out] = readFrame(input, at, grown, out);
  }
  return grown.buffer.subarray(0, out);
}

interface Grown {
  buffer: Buffer;
  readonly bytesMax: number;
}

function readFrame(input: Buffer, start: number, grown: Grown, outStart: number): [at: number, out: number] {
  const flags = input.readUInt8(start);
  const blockMax = blockBytesMax[(input.readUInt8(start + 1) >> 4) & 7];
  if (flags >> 6 !== 1 || blockMax === undefined)
    throw new RangeError("lz4: unknown frame version or block size");
  const blockChecksum = (flags & 0x10) !== 0 ? 4 : 0;
  const contentSize = (flags & 0x08) !== 0 ? 8 : 0;
  const contentChecksum = (flags & 0x04) !== 0 ? 4 : 0;
  const dictionary = (flags & 0x01) !== 0 ? 4 : 0;
  // Flags, block descriptor, optional fields, and one byte of header checksum.
  let at = start + 2 + contentSize + dictionary + 1;
  let out = outStart;
  for (;;) {
    const header = input.readUInt32LE(at);
    at += 4;
    if (header === 0) return [at + contentChecksum, out];
    const stored = header >>> 31 === 1;
    const length = header & 0x7fffffff;
    if (at + length > input.length) throw new RangeError("lz4: a block ends beyond the input");
    const block = input.subarray(at, at + length);
    if (stored) {
      reserve(grown, out, length);
      block.copy(grown.buffer, out);
      out += length;
    } else {
      reserve(grown, out, blockMax);
      out = decompressBlock(block, grown.buffer, out);
    }
    if (out > grown.bytesMax) throw new RangeError(`lz4: more than ${grown.bytesMax} bytes`);
    at += length + blockChecksum;
  }
}

/** One block may need so many bytes more; the limit of the whole is checked after it. */
function reserve(grown: Grown, out: number, bytes: number): void {
  if (out > grown.bytesMax) throw new RangeError(`lz4: more than ${grown.bytesMax} bytes`);
  if (out + bytes <= grown.buffer.length) return;
  const larger = Buffer.allocUnsafe(Math.max(out + bytes, grown.buffer.length * 2));
  grown.buffer.copy(larger, 0, 0, out);
  grown.buffer = larger;
}

/** @see https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md */
function decompressBlock(input: Buffer, output: Buffer, start: number): number {
  let at = 0;
  let out = start;
  while (at < input.length) {
    const token = input.readUInt8(at);
    at += 1;
    let literals = token >> 4;
    if (literals === 15) [literals, at] = extend(input, at, literals);
    if (at + literals > input.length || out + literals > output.length)
      throw new RangeError("lz4: a literal is too long");
    input.copy(output, out, at, at + literals);
    at += literals;
    out += literals;
    // The last sequence has literals only.
    if (at >= input.length) return out;
    const distance = input.readUInt16LE(at);
    at += 2;
    let length = (token & 15) + 4;
    if (length === 19) [length, at] = extend(input, at, length);
    out = copyBack(output, out, distance, length);
  }
  return out;
}

function extend(input: Buffer, start: number, length: number): [length: number, at: number] {
  let at = start;
  let total = length;
  for (;;) {
    const byte = input.readUInt8(at);
    at += 1;
    total += byte;
    if (byte !== 255) return [total, at];
  }
}
