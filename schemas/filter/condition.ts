import { headWords, isDynamic, typeName, type AbiType } from "./abi-type.ts";
import type { EventReader } from "./event-reader.ts";
import { found, sourceOf, type Found, type Scope, type Source } from "./source.ts";
import { arrayBase, arrayCount, contentAt, dataStart, nowhere, wordDigits } from "./navigate.ts";
import { printPath } from "./path.ts";
import type { Comparison, Condition, FilterableLog, Operator, Scalar } from "./types.ts";
import {
  compareDigits,
  containsBytes,
  digitsOf,
  digitsOfHashed,
  digitsOfLiteral,
  readable,
} from "./value.ts";

/**
 * A compiled condition. `scope` is the content of what its paths start from: the event's data, or an array's element.
 * Only for a log that fits its event.
 */
export interface Clause {
  test(log: FilterableLog, scope: number): boolean;
  /** The part that is met, in words. Only where `test` is true. */
  why(log: FilterableLog, scope: number): string;
  /** The first part that is not met, in words. Only where `test` is false. */
  whyNot(log: FilterableLog, scope: number): string;
}

/** Compiles the conditions on an event's arguments. */
export function compileWhere(condition: Condition, event: EventReader): Clause {
  return compile(condition, { event });
}

function compile(condition: Condition, scope: Scope): Clause {
  switch (condition.kind) {
    case "and":
      return all(condition.of.map((child) => compile(child, scope)));
    case "or":
      return some(condition.of.map((child) => compile(child, scope)));
    case "not": {
      const of = compile(condition.of, scope);
      return {
        test: (log, at) => !of.test(log, at),
        why: (log, at) => `not (${of.whyNot(log, at)})`,
        whyNot: (log, at) => `not (${of.why(log, at)})`,
      };
    }
    case "any":
    case "all":
      return quantified(condition, scope);
    case "compare":
      return compared(condition, scope);
  }
}

function all(of: readonly Clause[]): Clause {
  return {
    test(log, at) {
      for (const clause of of) if (!clause.test(log, at)) return false;
      return true;
    },
    why: (log, at) => of.map((clause) => clause.why(log, at)).join(" and "),
    whyNot: (log, at) => of.find((clause) => !clause.test(log, at))?.whyNot(log, at) ?? "",
  };
}

function some(of: readonly Clause[]): Clause {
  return {
    test(log, at) {
      for (const clause of of) if (clause.test(log, at)) return true;
      return false;
    },
    why: (log, at) => of.find((clause) => clause.test(log, at))?.why(log, at) ?? "",
    whyNot: (log, at) => `none of: ${of.map((clause) => clause.whyNot(log, at)).join("; ")}`,
  };
}

function compared(condition: Comparison, scope: Scope): Clause {
  const source = sourceOf(condition.path, scope);
  const label = printPath(condition.path);
  const wanted = `${condition.operator} ${printValues(condition)}`;
  const subject = label === "" ? "" : `${label} `;
  if (condition.operator === "contains" && source.type.kind === "array") {
    const contains = containsElement(source, source.type, condition.values[0] ?? "");
    return {
      test: contains,
      why: () => `${subject}${wanted}`,
      whyNot: () => `${subject}does not contain ${printValues(condition)}`,
    };
  }
  const { find, type, hashed } = source;
  const accept = acceptor(condition, type, hashed);
  const isNegative = condition.operator === "ne" || condition.operator === "nin";
  const shown = (log: FilterableLog, at: number): string => {
    const value = find(log, at);
    if (value === undefined) return "absent";
    return clip(String(hashed ? `0x${value.digits}` : readable(type, value.digits)));
  };
  const isLong = condition.values.length > shownValues;
  return {
    test(log, at) {
      const value = find(log, at);
      // What is absent equals nothing, so that ne is always the opposite of eq.
      return value === undefined ? isNegative : accept(value);
    },
    why: (log, at) => `${subject}${wanted}${isLong ? ` (it is ${shown(log, at)})` : ""}`,
    whyNot: (log, at) => `${subject}is ${shown(log, at)}, not ${wanted}`,
  };
}

const shownValues = 3;

function printValues({ operator, values }: Comparison): string {
  if (operator !== "in" && operator !== "nin") return clip(String(values[0]));
  return values.length > shownValues
    ? `${values.length} values`
    : `(${values.map((value) => clip(String(value))).join(", ")})`;
}

function clip(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

function acceptor({ operator, values }: Comparison, type: AbiType, hashed: boolean): Accept {
  const encode = (value: Scalar): string =>
    hashed ? digitsOfHashed(type, value) : digitsOfLiteral(type, value);
  const wanted = hashed ? { digits: encode(values[0] ?? ""), rank: 0 } : found(type, encode(values[0] ?? ""));
  const compare = (value: Found): number => compareDigits(type.kind === "int", value.digits, wanted.digits);
  return acceptors[operator](wanted, compare, () => new Set(values.map((value) => encode(value))));
}

type Accept = (value: Found) => boolean;
/** `compare` is asked only about values of the wanted rank. */
type MakeAccept = (
  wanted: Found,
  compare: (value: Found) => number,
  all: () => ReadonlySet<string>,
) => Accept;

const acceptors: Readonly<Record<Operator, MakeAccept>> = {
  eq:
    ({ digits, rank }) =>
    (value) =>
      value.rank === rank && value.digits === digits,
  ne:
    ({ digits, rank }) =>
    (value) =>
      value.rank !== rank || value.digits !== digits,
  lt:
    ({ rank }, compare) =>
    (value) =>
      value.rank < rank || (value.rank === rank && compare(value) < 0),
  lte:
    ({ rank }, compare) =>
    (value) =>
      value.rank < rank || (value.rank === rank && compare(value) <= 0),
  gt:
    ({ rank }, compare) =>
    (value) =>
      value.rank > rank || (value.rank === rank && compare(value) > 0),
  gte:
    ({ rank }, compare) =>
    (value) =>
      value.rank > rank || (value.rank === rank && compare(value) >= 0),
  in: (_wanted, _compare, all) => {
    const set = all();
    return (value) => set.has(value.digits);
  },
  nin: (_wanted, _compare, all) => {
    const set = all();
    return (value) => !set.has(value.digits);
  },
  contains:
    ({ digits }) =>
    (value) =>
      containsBytes(value.digits, digits),
  startsWith:
    ({ digits }) =>
    (value) =>
      value.digits.startsWith(digits),
};

/** Calls `visit` with the content of each element until it returns true; true when one did. */
function someElement(
  type: AbiType & { kind: "array" },
  data: string,
  content: number,
  visit: (at: number) => boolean,
): boolean {
  if (content === nowhere) return false;
  const count = arrayCount(data, content, type.length);
  const base = arrayBase(content, type.length);
  const stride = headWords(type.of) * wordDigits;
  const dynamic = isDynamic(type.of);
  for (let index = 0; index < count; index += 1)
    if (visit(contentAt(data, base, index * stride, dynamic))) return true;
  return false;
}

function containsElement(
  { content }: Source,
  type: AbiType & { kind: "array" },
  value: Scalar,
): Clause["test"] {
  const wanted = digitsOfLiteral(type.of, value);
  return (log, scope) =>
    someElement(
      type,
      log.data,
      content?.(log, scope) ?? nowhere,
      (at) => digitsOf(type.of, log.data, at) === wanted,
    );
}

function quantified(condition: Condition & { kind: "any" | "all" }, scope: Scope): Clause {
  const { type, content } = sourceOf(condition.path, scope);
  if (type.kind !== "array" || content === null) throw new TypeError(`${typeName(type)} has no elements`);
  const of = compile(condition.of, { element: type.of });
  const label = printPath(condition.path) || "element";
  const any = (log: FilterableLog, at: number): boolean =>
    someElement(type, log.data, content(log, at), (element) => of.test(log, element));
  const every = (log: FilterableLog, at: number): boolean =>
    !someElement(type, log.data, content(log, at), (element) => !of.test(log, element));
  /** The words of the first element for which the condition is `met`. */
  const first = (log: FilterableLog, at: number, met: boolean): string => {
    let words = "";
    someElement(type, log.data, content(log, at), (element) => {
      if (of.test(log, element) !== met) return false;
      words = met ? of.why(log, element) : of.whyNot(log, element);
      return true;
    });
    return words;
  };
  if (condition.kind === "any") {
    return {
      test: any,
      why: (log, at) => `any ${label}: ${first(log, at, true)}`,
      whyNot: (log, at) => `no ${label} meets it: ${first(log, at, false) || "there is none"}`,
    };
  }
  return {
    test: every,
    why: (log, at) => `all ${label}: ${first(log, at, true) || "there is none"}`,
    whyNot: (log, at) => `not all ${label}: ${first(log, at, false)}`,
  };
}

/** Where an event's conditions start. */
export const whereScope = dataStart;
