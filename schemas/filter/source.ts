import { isHashedWhenIndexed, type AbiType } from "./abi-type.ts";
import type { EventReader } from "./event-reader.ts";
import { memoByLog } from "./memo.ts";
import { dataStart, navigateTo, nowhere, wordDigits } from "./navigate.ts";
import { printPath } from "./path.ts";
import type { FilterableLog, Path } from "./types.ts";
import { digitsOf } from "./value.ts";

/** A value of a log. */
export interface Found {
  readonly digits: string;
  /**
   * Of an integer, its nearest double: most comparisons are decided by it, and equal ranks by the digits.
   * A greater value never has a lower rank. 0 for other types.
   */
  readonly rank: number;
}

/** What the paths of a condition start from: an event's arguments, or one element of an array. */
export type Scope = { readonly event: EventReader } | { readonly element: AbiType };

/** Where a condition finds its value. */
export interface Source {
  readonly type: AbiType;
  /** Only the Keccak-256 hash of the value is there. */
  readonly hashed: boolean;
  /** The value; `undefined` when this log has none there. `scope` is the content of what the path starts from. */
  find(log: FilterableLog, scope: number): Found | undefined;
  /** Content of the value in the data; null for a topic. */
  readonly content: ((log: FilterableLog, scope: number) => number) | null;
}

/** Sources of an event by path: a thousand filters on one argument read it once per log. */
const shared = new WeakMap<EventReader, Map<string, Source>>();

export function sourceOf(path: Path, scope: Scope): Source {
  if ("element" in scope) return inData(scope.element, path);
  const sources = shared.get(scope.event) ?? new Map<string, Source>();
  shared.set(scope.event, sources);
  const key = printPath(path);
  const source = sources.get(key) ?? remembering(inEvent(path, scope.event));
  sources.set(key, source);
  return source;
}

/** Every path of an event starts at the same place, so that the log alone decides what is found. */
function remembering(source: Source): Source {
  return { ...source, find: memoByLog((log) => source.find(log, dataStart)) };
}

function inEvent(path: Path, event: EventReader): Source {
  const [first, ...rest] = path;
  const place = first?.kind === "field" ? event.places[first.index] : undefined;
  const argument = first?.kind === "field" ? event.shape.arguments[first.index] : undefined;
  if (first?.kind !== "field" || place === undefined || argument === undefined)
    throw new TypeError("a path starts with an argument");
  if ("field" in place) return inData(event.data, [{ ...first, index: place.field }, ...rest]);
  const { topic } = place;
  const hashed = isHashedWhenIndexed(argument.type);
  const word: AbiType = hashed ? { kind: "fixedBytes", size: 32 } : argument.type;
  return {
    type: argument.type,
    hashed,
    content: null,
    find: (log) => found(word, digitsOf(word, log.topics[topic] ?? "", 2)),
  };
}

function inData(from: AbiType, path: Path): Source {
  const { type, to, isLength } = navigateTo(from, path);
  const fixedLength = isLength ? fixedLengthOf(from, path) : null;
  return {
    type,
    hashed: false,
    content: (log, scope) => to(log.data, scope),
    find(log, scope) {
      const at = to(log.data, scope);
      return at === nowhere ? undefined : found(type, fixedLength ?? digitsOf(type, log.data, at));
    },
  };
}

/** The length of `T[3]` stands in no log. */
function fixedLengthOf(from: AbiType, path: Path): string | null {
  const { type } = navigateTo(from, path.slice(0, -1));
  return type.kind === "array" && type.length !== null
    ? type.length.toString(16).padStart(wordDigits, "0")
    : null;
}

/** A value with its rank. */
export function found(type: AbiType, digits: string): Found {
  if (type.kind !== "uint" && type.kind !== "int") return { digits, rank: 0 };
  const unsigned = Number.parseInt(digits, 16);
  // The top digit of a negative number is 8 to f.
  const isNegative = type.kind === "int" && digits.charCodeAt(0) > 55;
  return { digits, rank: isNegative ? unsigned - 2 ** type.bits : unsigned };
}
