const polynomial = 0x82f63b78;
const slices = 8;

/** Eight tables: eight bytes are folded at once. */
const tables: readonly Int32Array[] = makeTables();

function makeTables(): Int32Array[] {
  const made = Array.from({ length: slices }, () => new Int32Array(256));
  const [first] = made as [Int32Array];
  for (let byte = 0; byte < 256; byte += 1) {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    first[byte] = value;
  }
  for (let slice = 1; slice < slices; slice += 1) {
    const before = made[slice - 1] as Int32Array;
    const table = made[slice] as Int32Array;
    for (let byte = 0; byte < 256; byte += 1) {
      const value = before[byte] ?? 0;
      table[byte] = (value >>> 8) ^ (first[value & 255] ?? 0);
    }
  }
  return made;
}

const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

/** CRC-32C (Castagnoli) of bytes[start, end), unsigned: what Kafka's batches are checked with. */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  let crc = -1;
  let at = start;
  for (const last = end - 7; at < last; at += 8) {
    const low = crc ^ word(bytes, at);
    const high = word(bytes, at + 4);
    crc =
      look(t7, low) ^
      look(t6, low >>> 8) ^
      look(t5, low >>> 16) ^
      look(t4, low >>> 24) ^
      look(t3, high) ^
      look(t2, high >>> 8) ^
      look(t1, high >>> 16) ^
      look(t0, high >>> 24);
  }
  for (; at < end; at += 1) crc = (crc >>> 8) ^ look(t0, crc ^ (bytes[at] as number));
  return (crc ^ -1) >>> 0;
}

/** Little-endian. The position is always within the bytes: a fallback value would cost a third of the speed. */
function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

function look(table: Int32Array, index: number): number {
  return table[index & 255] as number;
}
