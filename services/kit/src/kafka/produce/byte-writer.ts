/** Writes Kafka's protocol into bytes that are known to be large enough. Writing beyond the end throws RangeError. */
export class ByteWriter {
  at = 0;
  readonly bytes: Buffer;

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafe(size);
  }

  int8(value: number): void {
    this.at = this.bytes.writeInt8(value, this.at);
  }

  int16(value: number): void {
    this.at = this.bytes.writeInt16BE(value, this.at);
  }

  int32(value: number): void {
    this.at = this.bytes.writeInt32BE(value, this.at);
  }

  int64(value: number): void {
    this.at = this.bytes.writeBigInt64BE(BigInt(value), this.at);
  }

  /** A 16-bit length and UTF-8. */
  string(text: string): void {
    this.int16(Buffer.byteLength(text));
    this.at += this.bytes.write(text, this.at);
  }

  raw(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.at);
    this.at += bytes.length;
  }

  /** @param length its length in UTF-8. */
  text(text: string, length: number): void {
    // Plain ASCII, which is nearly all of what we write, is copied byte by byte.
    if (length === text.length) this.bytes.write(text, this.at, length, "latin1");
    else this.bytes.write(text, this.at, length, "utf8");
    this.at += length;
  }

  /** A zigzag varint of 32 bits. */
  varint(value: number): void {
    let rest = ((value << 1) ^ (value >> 31)) >>> 0;
    while (rest > 127) {
      this.bytes[this.at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    this.bytes[this.at++] = rest;
  }
}

export function varintSize(value: number): number {
  const rest = ((value << 1) ^ (value >> 31)) >>> 0;
  return rest < 128 ? 1 : rest < 16_384 ? 2 : rest < 2_097_152 ? 3 : rest < 268_435_456 ? 4 : 5;
}
