import { describe, expect, test } from "vitest";
import { parseFilter } from "./parse.ts";
import { printFilter } from "./print.ts";
import type { FilterProblem } from "./types.ts";

const transfer = "Transfer(address indexed from, address indexed to, uint256 value)";
const chains = [
  { id: 1, name: "ethereum" },
  { id: 8453, name: "base" },
];

function problemsOf(input: unknown): readonly FilterProblem[] {
  const parsed = parseFilter(input, { chains });
  return parsed.ok ? [] : parsed.problems;
}

describe("parseFilter", () => {
  test("reads an empty object as the filter that every log matches", () => {
    const filter = { chains: null, addresses: null, topics: null, events: null };
    expect(parseFilter({})).toEqual({ ok: true, filter });
  });

  test("knows chains by name and id, and orders them", () => {
    const parsed = parseFilter({ chains: ["Base", 1, "8453"] }, { chains });
    expect(parsed).toMatchObject({ ok: true, filter: { chains: [1, 8453] } });
  });

  test("writes addresses in lower case, once each", () => {
    const address = "0xdAC17F958D2ee523a2206206994597C13D831ec7";
    const parsed = parseFilter({ addresses: [address, address.toLowerCase()] });
    expect(parsed).toMatchObject({ filter: { addresses: { addresses: [address.toLowerCase()] } } });
  });

  test("takes ABI JSON and a signature for the same event", () => {
    const inputs = [
      { name: "from", type: "address", indexed: true },
      { name: "to", type: "address", indexed: true },
      { name: "value", type: "uint256" },
    ];
    const abi = [
      { type: "function", name: "f", inputs: [] },
      { type: "event", name: "Transfer", inputs },
    ];
    expect(parseFilter({ event: abi })).toEqual(parseFilter({ event: transfer }));
  });

  test.each<[unknown, FilterProblem]>([
    [{ chain: 1 }, { path: "chain", reason: expect.any(String), suggestion: 'did you mean "chains"?' }],
    [
      { chains: ["etherum"] },
      { path: "chains[0]", reason: expect.any(String), suggestion: 'did you mean "ethereum"?' },
    ],
    [
      { event: "Transfer(adress from)" },
      { path: "event", reason: expect.any(String), suggestion: 'did you mean "address"?' },
    ],
    [
      { event: transfer, where: { vaule: 1 } },
      {
        path: "where.vaule",
        reason: expect.stringContaining("from, to, value"),
        suggestion: 'did you mean "value"?',
      },
    ],
    [
      { event: transfer, where: { value: { ">=": 1 } } },
      { path: "where.value.>=", reason: expect.any(String), suggestion: 'did you mean "gte"?' },
    ],
    [
      { event: transfer, where: { value: { eq: (2n ** 256n).toString() } } },
      {
        path: "where.value.eq",
        reason: expect.stringContaining("above the greatest uint256"),
        suggestion: null,
      },
    ],
  ])("refuses %j with the place and what may have been meant", (input, problem) => {
    expect(problemsOf(input)).toEqual([problem]);
  });

  test("prints a filter that it reads back to the same filter", () => {
    const where = {
      or: [{ value: { gte: "0x10", not: { in: [5, "17"] } } }, { to: `0x${"AB".repeat(20)}` }],
    };
    const parsed = parseFilter({ chains: [1], addresses: { list: "tokens" }, event: transfer, where });
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
    expect(parseFilter(printFilter(parsed.filter))).toEqual(parsed);
  });
});
