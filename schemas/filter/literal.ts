import { typeName, type AbiType } from "./abi-type.ts";
import { shown } from "./problems.ts";
import type { Scalar } from "./types.ts";

/** A literal in normal form, or why it is none of its type. */
export type ReadLiteral =
  | { readonly ok: true; readonly value: Scalar }
  | { readonly ok: false; readonly reason: string; readonly suggestion?: string };

/**
 * Reads what a value of `type` is compared with.
 * Integers: a JSON number up to 2^53 - 1, decimal text or `0x` text. Bytes and addresses: `0x` text in any case.
 * @param part true for `contains` and `startsWith`, where a piece of the value is enough.
 */
export function readLiteral(type: AbiType, input: unknown, part = false): ReadLiteral {
  switch (type.kind) {
    case "uint":
    case "int":
      return readInteger(type, input);
    case "bool":
      return typeof input === "boolean"
        ? { ok: true, value: input }
        : refuse(`expected true or false, found ${shown(input)}`);
    case "string":
      return readText(input);
    case "address":
      return readBytes(input, part ? null : 20, "an address: 0x and 40 hex digits", 20);
    case "fixedBytes":
      return readBytes(input, part ? null : type.size, `0x and ${type.size * 2} hex digits`, type.size);
    case "bytes":
      return readBytes(input, null, "0x and an even number of hex digits", null);
    case "array":
    case "tuple":
      return refuse(`${typeName(type)} has no single value to compare with`);
  }
}

/** Reads the hash that stands in a topic for an indexed value of dynamic type. */
export function readHash(input: unknown): ReadLiteral {
  return readBytes(input, 32, "the value's Keccak-256 hash: 0x and 64 hex digits", 32);
}

function readInteger(type: AbiType & { kind: "uint" | "int" }, input: unknown): ReadLiteral {
  const value = integerOf(input);
  if (typeof value === "object") return value;
  const max = 2n ** BigInt(type.kind === "int" ? type.bits - 1 : type.bits) - 1n;
  const min = type.kind === "int" ? -max - 1n : 0n;
  if (value > max) return refuse(`${shown(input)} is above the greatest ${typeName(type)}, ${max}`);
  if (value < min) return refuse(`${shown(input)} is below the least ${typeName(type)}, ${min}`);
  return { ok: true, value: value.toString() };
}

function integerOf(input: unknown): bigint | (ReadLiteral & { ok: false }) {
  if (typeof input === "number") {
    if (Number.isSafeInteger(input)) return BigInt(input);
    const hint = "write it as text in quotes: JSON numbers are exact only up to 9007199254740991";
    return refuse(`${input} is not an exact integer`, hint);
  }
  if (typeof input === "string") {
    // At most 80 characters: a 256-bit number has 78 digits, and BigInt of a long text is slow.
    if (input.length <= 80 && /^(-?\d+|0x[0-9a-fA-F]+)$/.test(input)) return BigInt(input);
    const bare = input.replaceAll(/[_, ]/g, "");
    const fixable = bare !== input && /^-?\d{1,78}$/.test(bare);
    return refuse(`${shown(input)} is not an integer`, fixable ? `write "${bare}"` : undefined);
  }
  return refuse(`expected an integer, as a number or as text, found ${shown(input)}`);
}

function readText(input: unknown): ReadLiteral {
  if (typeof input !== "string") return refuse(`expected text, found ${shown(input)}`);
  if (!input.isWellFormed()) return refuse("the text has half of a surrogate pair, which UTF-8 cannot hold");
  return { ok: true, value: input };
}

function readBytes(
  input: unknown,
  bytes: number | null,
  expected: string,
  bytesMax: number | null,
): ReadLiteral {
  if (typeof input !== "string") return refuse(`expected ${expected}, found ${shown(input)}`);
  const text = input.toLowerCase();
  if (/^([0-9a-f]{2})+$/.test(text) && (bytes === null || text.length === bytes * 2)) {
    return refuse(`${shown(input)} lacks 0x`, `write "0x${text}"`);
  }
  if (!/^0x[0-9a-f]*$/.test(text)) return refuse(`expected ${expected}, found ${shown(input)}`);
  const digits = text.length - 2;
  if (bytes !== null && digits !== bytes * 2)
    return refuse(`expected ${expected}, found ${digits} hex digits`);
  if (digits % 2 !== 0) return refuse(`expected an even number of hex digits, found ${digits}`);
  if (bytesMax !== null && digits > bytesMax * 2) return refuse(`longer than the value's ${bytesMax} bytes`);
  return { ok: true, value: text };
}

function refuse(reason: string, suggestion?: string): ReadLiteral & { ok: false } {
  return suggestion === undefined ? { ok: false, reason } : { ok: false, reason, suggestion };
}
