import type { AbiType } from "./abi-type.ts";
import { keccakOfHex, keccakOfText } from "./keccak.ts";
import { readSize, wordDigits } from "./navigate.ts";
import type { Scalar } from "./types.ts";

/**
 * Values are compared as hex digits of equal length, in which the order of text is the order of numbers. So 256 bits
 * are exact and no number is ever made. This is the one place that knows which digits of a word count:
 * the low ones of an integer or address, the high ones of fixed bytes; whatever stands beside them is ignored,
 * as ethers does.
 */
export function digitsOf(type: AbiType, data: string, content: number): string {
  switch (type.kind) {
    case "uint":
    case "int":
      return data.slice(content + wordDigits - type.bits / 4, content + wordDigits);
    case "address":
      return data.slice(content + 24, content + wordDigits);
    case "bool":
      return /^0*$/.test(data.slice(content, content + wordDigits)) ? "0" : "1";
    case "fixedBytes":
      return data.slice(content, content + type.size * 2);
    case "bytes":
    case "string": {
      const start = content + wordDigits;
      return data.slice(start, start + readSize(data, content) * 2);
    }
    case "array":
    case "tuple":
      throw new TypeError(`a ${type.kind} has no digits of its own`);
  }
}

/** The digits of a literal, comparable with `digitsOf` of the same type. */
export function digitsOfLiteral(type: AbiType, value: Scalar): string {
  if (typeof value === "boolean") return value ? "1" : "0";
  switch (type.kind) {
    case "uint":
    case "int":
      return BigInt.asUintN(type.bits, BigInt(value))
        .toString(16)
        .padStart(type.bits / 4, "0");
    case "string":
      return Buffer.from(value, "utf8").toString("hex");
    case "address":
    case "bool":
    case "fixedBytes":
    case "bytes":
    case "array":
    case "tuple":
      return value.slice(2);
  }
}

/** The digits of the topic that stands for an indexed value of dynamic type. */
export function digitsOfHashed(type: AbiType, value: Scalar): string {
  const text = String(value);
  if (type.kind === "string") return keccakOfText(text).slice(2);
  return type.kind === "bytes" ? keccakOfHex(text).slice(2) : text.slice(2);
}

/** Digits as people read them: decimal numbers, text, `0x` bytes. */
export function readable(type: AbiType, digits: string): string | boolean {
  switch (type.kind) {
    case "uint":
      return BigInt(`0x${digits}`).toString();
    case "int":
      return BigInt.asIntN(type.bits, BigInt(`0x${digits}`)).toString();
    case "bool":
      return digits === "1";
    case "string":
      // Bytes that are no UTF-8 become U+FFFD: the raw data is always beside it.
      return Buffer.from(digits, "hex").toString("utf8");
    case "address":
    case "fixedBytes":
    case "bytes":
    case "array":
    case "tuple":
      return `0x${digits}`;
  }
}

/** Compares two integers of one type by their digits. Negative, zero or positive, as in a sort. */
export function compareDigits(signed: boolean, a: string, b: string): number {
  if (a === b) return 0;
  if (signed) {
    // The top digit of a negative number is 8 to f.
    const aNegative = a.charCodeAt(0) > 55;
    const bNegative = b.charCodeAt(0) > 55;
    if (aNegative !== bNegative) return aNegative ? -1 : 1;
  }
  return a < b ? -1 : 1;
}

/** True when the bytes `part` stand somewhere in `whole`: at an even digit. */
export function containsBytes(whole: string, part: string): boolean {
  for (let at = whole.indexOf(part); at !== -1; at = whole.indexOf(part, at + 1))
    if (at % 2 === 0) return true;
  return false;
}
