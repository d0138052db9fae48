/** Hex text as bytes. @returns null unless it is `0x` and an even number of digits. */
export function bytesOf(value: unknown): Uint8Array | null {
  if (typeof value !== "string" || !/^0x([0-9a-f]{2})*$/i.test(value)) return null;
  return Buffer.from(value.slice(2), "hex");
}

/** A quantity as RLP wants it: big-endian without leading zeros, nothing at all for 0. @returns null if it is none. */
export function integerBytesOf(value: unknown): Uint8Array | null {
  if (typeof value !== "string" || !/^0x[0-9a-f]{1,64}$/i.test(value)) return null;
  const digits = value.slice(2).replace(/^0+/, "");
  return Buffer.from(digits.length % 2 === 1 ? `0${digits}` : digits, "hex");
}
