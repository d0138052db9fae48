/** Java's snappy stream: this magic, two version numbers, then blocks of a 32-bit length and raw snappy. */
const xerialMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const xerialHeaderBytes = 16;

/**
 * Expands what Java clients (xerial stream) and all others (raw snappy: librdkafka, franz-go and so `rpk`) write.
 * @param bytesMax more than this is refused before anything is allocated.
 * @throws RangeError on malformed input.
 */
export function decompressSnappy(input: Buffer, bytesMax: number): Buffer {
  if (!input.subarray(0, 8).equals(xerialMagic)) return decompressBlock(input, bytesMax);
  const blocks: Buffer[] = [];
  let total = 0;
  for (let at = xerialHeaderBytes; at < input.length;) {
    const length = input.readUInt32BE(at);
    at += 4;
    if (at + length > input.length) throw new RangeError("snappy: a block ends beyond the input");
    const block = decompressBlock(input.subarray(at, at + length), bytesMax - total);
    total += block.length;
    blocks.push(block);
    at += length;
  }
  return Buffer.concat(blocks, total);
}

/** One raw snappy block. @see https://github.com/google/snappy/blob/main/format_description.txt */
function decompressBlock(input: Buffer, bytesMax: number): Buffer {
  const [size, start] = readSize(input);
  if (size > bytesMax) throw new RangeError(`snappy: ${size} bytes are more than ${bytesMax}`);
  const output = Buffer.allocUnsafe(size);
  let at = start;
  let out = 0;
  while (at < input.length) {
    const tag = input.readUInt8(at);
    at += 1;
    const kind = tag & 3;
    if (kind === 0) {
      let length = tag >> 2;
      if (length >= 60) {
        const extra = length - 59;
        length = input.readUIntLE(at, extra);
        at += extra;
      }
      length += 1;
      if (at + length > input.length || out + length > size)
        throw new RangeError("snappy: a literal is too long");
      input.copy(output, out, at, at + length);
      at += length;
      out += length;
      continue;
    }
    const length = kind === 1 ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1;
    const offsetBytes = kind === 3 ? 4 : kind;
    const low = input.readUIntLE(at, offsetBytes);
    at += offsetBytes;
    out = copyBack(output, out, kind === 1 ? ((tag >> 5) << 8) | low : low, length);
  }
  if (out !== size) throw new RangeError(`snappy: ${out} bytes instead of ${size}`);
  return output;
}

/** The uncompressed size, a little-endian varint, and where the elements begin. */
function readSize(input: Buffer): [size: number, next: number] {
  let size = 0;
  for (let at = 0; at < 5; at += 1) {
    const byte = input.readUInt8(at);
    size += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return [size, at + 1];
  }
  throw new RangeError("snappy: malformed size");
}

/** Repeats `length` bytes that begin `distance` bytes back; they may overlap what is being written. */
export function copyBack(output: Buffer, out: number, distance: number, length: number): number {
  if (distance === 0 || distance > out || out + length > output.length)
    throw new RangeError("a copy reaches outside the output");
  if (distance >= length) {
    output.copyWithin(out, out - distance, out - distance + length);
    return out + length;
  }
  const end = out + length;
  for (let to = out; to < end; to += 1) output[to] = output[to - distance] ?? 0;
  return end;
}
