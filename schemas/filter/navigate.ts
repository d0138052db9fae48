import { headWords, isDynamic, type AbiType } from "./abi-type.ts";
import type { Path } from "./types.ts";

/**
 * Positions are indexes of hex digits in a log's `data` text (`0x…`), so that a word is compared where it stands,
 * without being copied or turned into a number. The content of a value is where its words (or its length) begin.
 */
export const wordDigits = 64;
/** Content of the whole data: after `0x`. */
export const dataStart = 2;
/** Stands for a position that this log does not have, such as an element past the end. */
export const nowhere = -1;

/** From the content of one value to the content of another inside it. */
export type Navigate = (data: string, content: number) => number;

/** Reads a word as an offset, length or index. `nowhere` when it is cut off or past what any log can hold. */
export function readSize(data: string, at: number): number {
  if (at < 0 || at + wordDigits > data.length) return nowhere;
  // 12 digits are 48 bits: exact in a double, and far above the length of any data.
  for (let digit = at; digit < at + wordDigits - 12; digit += 1)
    if (data.charCodeAt(digit) !== 48) return nowhere;
  return Number.parseInt(data.slice(at + wordDigits - 12, at + wordDigits), 16);
}

/** Content of a value whose head stands `head` digits after `base`. */
export function contentAt(data: string, base: number, head: number, dynamic: boolean): number {
  if (!dynamic) return base + head;
  const offset = readSize(data, base + head);
  return offset === nowhere ? nowhere : base + offset * 2;
}

/** Where the heads of an array's elements begin, and how many there are; `nowhere` when the length is cut off. */
export function arrayCount(data: string, content: number, length: number | null): number {
  return length ?? readSize(data, content);
}

export function arrayBase(content: number, length: number | null): number {
  return length === null ? content + wordDigits : content;
}

/** Compiles the way from the content of a `type` along `path`. */
export function navigateTo(
  type: AbiType,
  path: Path,
): { readonly type: AbiType; readonly to: Navigate; readonly isLength: boolean } {
  let current = type;
  let to: Navigate = (_data, content) => content;
  for (const step of path) {
    if (step.kind === "length") return { type: { kind: "uint", bits: 256 }, to, isLength: true };
    const next = step.kind === "field" ? intoField(current, step.index) : intoElement(current, step.index);
    to = compose(to, next.to);
    current = next.type;
  }
  return { type: current, to, isLength: false };
}

function compose(first: Navigate, second: Navigate): Navigate {
  return (data, content) => {
    const at = first(data, content);
    return at === nowhere ? nowhere : second(data, at);
  };
}

function intoField(type: AbiType, index: number): { type: AbiType; to: Navigate } {
  const field = type.kind === "tuple" ? type.fields[index] : undefined;
  if (type.kind !== "tuple" || field === undefined)
    throw new TypeError(`no field ${index} in a ${type.kind}`);
  const head =
    type.fields.slice(0, index).reduce((sum, before) => sum + headWords(before.type), 0) * wordDigits;
  const dynamic = isDynamic(field.type);
  return { type: field.type, to: (data, content) => contentAt(data, content, head, dynamic) };
}

function intoElement(type: AbiType, index: number): { type: AbiType; to: Navigate } {
  if (type.kind !== "array") throw new TypeError(`no element in a ${type.kind}`);
  const { of, length } = type;
  const head = index * headWords(of) * wordDigits;
  const dynamic = isDynamic(of);
  const to: Navigate = (data, content) =>
    index < arrayCount(data, content, length)
      ? contentAt(data, arrayBase(content, length), head, dynamic)
      : nowhere;
  return { type: of, to };
}
