/** A position in bytes of Kafka's protocol. Reading beyond the end throws RangeError. */
export class ByteReader {
  at = 0;
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  left(): number {
    return this.bytes.length - this.at;
  }

  int8(): number {
    this.at += 1;
    return this.bytes.readInt8(this.at - 1);
  }

  int16(): number {
    this.at += 2;
    return this.bytes.readInt16BE(this.at - 2);
  }

  int32(): number {
    this.at += 4;
    return this.bytes.readInt32BE(this.at - 4);
  }

  /** Offsets and timestamps: far below 2^53. */
  int64(): number {
    this.at += 8;
    return this.bytes.readInt32BE(this.at - 8) * 4_294_967_296 + this.bytes.readUInt32BE(this.at - 4);
  }

  /** A view, not a copy. */
  take(length: number): Buffer {
    if (length < 0 || length > this.left())
      throw new RangeError(`${length} bytes wanted, ${this.left()} left`);
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }

  text(length: number): string {
    if (length < 0 || length > this.left())
      throw new RangeError(`${length} bytes wanted, ${this.left()} left`);
    this.at += length;
    return this.bytes.toString("utf8", this.at - length, this.at);
  }

  /** A zigzag varint of up to 32 bits: lengths and deltas. */
  varint(): number {
    let byte = this.byte();
    if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
    let value = byte & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    throw new RangeError("a varint is longer than 32 bits");
  }

  /** A zigzag varint of up to 64 bits whose value fits 2^53: time deltas. */
  varlong(): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < 10; count += 1) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
      scale *= 128;
    }
    throw new RangeError("a varlong is longer than 64 bits");
  }

  private byte(): number {
    const byte = this.bytes[this.at];
    if (byte === undefined) throw new RangeError("the bytes end inside a number");
    this.at += 1;
    return byte;
  }
}
