import { fc, test } from "@fast-check/vitest";
import { AbiCoder, id } from "ethers";
import { expect } from "vitest";
import { compileFilter } from "./compile.ts";
import { parseFilter } from "./parse.ts";
import { printFilter } from "./print.ts";
import type { Filter, FilterableLog } from "./types.ts";

const event = "E(uint256 u, int256 i, address who, string memo, uint8[] list)";
const types = ["uint256", "int256", "address", "string", "uint8[]"];
const max = 2n ** 256n - 1n;
const half = 2n ** 255n;

const unsigned = fc.oneof(fc.constantFrom(0n, 1n, max - 1n, max), fc.bigInt(0n, max), fc.bigInt(0n, 5n));
const signed = fc.oneof(
  fc.constantFrom(-half, -1n, 0n, 1n, half - 1n),
  fc.bigInt(-half, half - 1n),
  fc.bigInt(-3n, 3n),
);
const address = fc
  .uint8Array({ minLength: 20, maxLength: 20 })
  .map((bytes) => `0x${Buffer.from(bytes).toString("hex")}`);

const log: fc.Arbitrary<FilterableLog> = fc
  .tuple(unsigned, signed, address, fc.string({ maxLength: 6 }), fc.array(fc.nat(9), { maxLength: 3 }))
  .map((values) => ({
    chainId: 1,
    address: `0x${"00".repeat(20)}`,
    topics: [id("E(uint256,int256,address,string,uint8[])")],
    data: AbiCoder.defaultAbiCoder().encode(types, values),
  }));

const number = fc.constantFrom("eq", "ne", "lt", "lte", "gt", "gte");
const leaf: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  fc.tuple(number, unsigned).map(([name, value]) => ({ u: { [name]: value.toString() } })),
  fc.tuple(number, signed).map(([name, value]) => ({ i: { [name]: value.toString() } })),
  fc.array(address, { minLength: 1, maxLength: 4 }).map((values) => ({ who: { in: values } })),
  fc
    .tuple(fc.constantFrom("contains", "startsWith", "eq"), fc.string({ maxLength: 2 }))
    .map(([name, value]) => ({ memo: { [name]: value } })),
  fc
    .tuple(fc.constantFrom("any", "all"), number, fc.nat(9))
    .map(([kind, name, value]) => ({ list: { [kind]: { [name]: value } } })),
  fc.nat(3).map((at) => ({ [`list[${at}]`]: { ne: 4 } })),
);
const where = fc.letrec<{ any: Record<string, unknown> }>((tie) => ({
  any: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaf,
    fc.record({ not: tie("any") }),
    fc.array(tie("any"), { minLength: 1, maxLength: 4 }).map((of) => ({ and: of })),
    fc.array(tie("any"), { minLength: 1, maxLength: 4 }).map((of) => ({ or: of })),
  ),
})).any;

function parse(input: unknown): Filter {
  const parsed = parseFilter(input);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.filter;
}

function matches(condition: unknown, on: FilterableLog): boolean {
  return compileFilter(parse({ event, where: condition })).alternative(on) === 0;
}

/** The same condition with every list in the opposite order. */
function reversed(condition: unknown): unknown {
  if (Array.isArray(condition)) return condition.map(reversed).toReversed();
  if (condition === null || typeof condition !== "object") return condition;
  return Object.fromEntries(
    Object.entries(condition)
      .map(([key, value]) => [key, reversed(value)])
      .toReversed(),
  );
}

test.prop([where])("parsing what was printed gives the same filter", (condition) => {
  const filter = parse({ chains: [10, 1], event, where: condition });
  expect(parse(printFilter(filter))).toEqual(filter);
  expect(parse(JSON.parse(JSON.stringify(printFilter(filter))))).toEqual(filter);
});

test.prop([where, log])("the order of clauses and values does not matter", (condition, on) => {
  expect(matches(reversed(condition), on)).toBe(matches(condition, on));
});

test.prop([where, where, log])("not, and and or obey De Morgan", (a, b, on) => {
  expect(matches({ not: { and: [a, b] } }, on)).toBe(matches({ or: [{ not: a }, { not: b }] }, on));
  expect(matches({ not: { not: a } }, on)).toBe(matches(a, on));
});

test.prop([unsigned, number])("hex text equals decimal text", (value, operator) => {
  expect(parse({ event, where: { u: { [operator]: `0x${value.toString(16)}` } } })).toEqual(
    parse({ event, where: { u: { [operator]: value.toString() } } }),
  );
});

test.prop([signed, signed, log])(
  "comparisons are monotone: above the greater bound is above the lesser",
  (a, b, on) => {
    const [low, high] = a <= b ? [a, b] : [b, a];
    const is = (operator: string, bound: bigint): boolean =>
      matches({ i: { [operator]: bound.toString() } }, on);
    if (is("gte", high)) expect(is("gte", low)).toBe(true);
    if (is("lte", low)) expect(is("lte", high)).toBe(true);
    expect(is("lt", a)).toBe(!is("gte", a));
    expect(is("gt", a)).toBe(!is("lte", a));
    expect(is("eq", a)).toBe(is("gte", a) && is("lte", a));
  },
);

test.prop([address, log])("addresses are the same in any case", (one, on) => {
  const upper = `0x${one.slice(2).toUpperCase()}`;
  expect(matches({ who: upper }, on)).toBe(matches({ who: one }, on));
  expect(parse({ addresses: [upper] })).toEqual(parse({ addresses: [one] }));
});

test.prop([fc.jsonValue()])(
  "any JSON is read or refused with a place and a reason, and nothing is thrown",
  (input) => {
    const parsed = parseFilter(input);
    if (!parsed.ok) for (const problem of parsed.problems) expect(problem.reason.length).toBeGreaterThan(5);
    const nested = parseFilter({ event, where: input, addresses: input, topics: [input], chains: input });
    expect(nested.ok || nested.problems.length > 0).toBe(true);
  },
);
