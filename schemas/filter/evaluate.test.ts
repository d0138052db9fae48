import { AbiCoder, id, keccak256, toUtf8Bytes, zeroPadValue } from "ethers";
import { describe, expect, test } from "vitest";
import { compileFilter, evaluate } from "./compile.ts";
import { parseFilter } from "./parse.ts";
import type { FilterableLog, Verdict } from "./types.ts";

const coder = AbiCoder.defaultAbiCoder();
const alice = `0x${"a1".repeat(20)}`;
const bob = `0x${"b0".repeat(20)}`;
const token = `0x${"70".repeat(20)}`;
const erc20 = "Transfer(address indexed from, address indexed to, uint256 value)";
const erc721 = "Transfer(address indexed from, address indexed to, uint256 indexed tokenId)";
const topic0 = id("Transfer(address,address,uint256)");

/** A log of the given event with plain values in its data. */
function logOf(
  signature: string,
  types: readonly string[],
  values: readonly unknown[],
  topics: readonly string[] = [],
): FilterableLog {
  return {
    chainId: 1,
    address: token,
    topics: [id(signature), ...topics],
    data: coder.encode(types, values),
  };
}

const transfer: FilterableLog = {
  chainId: 1,
  address: token,
  topics: [topic0, zeroPadValue(alice, 32), zeroPadValue(bob, 32)],
  data: coder.encode(["uint256"], [1_000n]),
};
const transferOfOne: FilterableLog = {
  ...transfer,
  topics: [...transfer.topics, coder.encode(["uint256"], [7n])],
  data: "0x",
};

function judge(filter: unknown, log: FilterableLog): Verdict {
  const parsed = parseFilter(filter);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return evaluate(compileFilter(parsed.filter), log);
}

describe("a verdict says which clause matched, or why none did", () => {
  test("the clause of the alternative that is met", () => {
    const filter = {
      event: erc20,
      where: {
        or: [{ value: { lt: 10 } }, { value: { gte: 1_000 }, from: alice.toUpperCase().replace("0X", "0x") }],
      },
    };
    expect(judge(filter, transfer)).toEqual({
      matched: true,
      clause: `Transfer where value gte 1000 and from eq ${alice}`,
      event: {
        name: "Transfer",
        signature: "Transfer(address,address,uint256)",
        args: { from: alice, to: bob, value: "1000" },
      },
    });
  });

  test.each<[string, unknown, string]>([
    ["another chain", { chains: [8453] }, "chain 1 is not among 8453"],
    ["another contract", { addresses: [alice] }, `contract ${token} is not among the 1 addresses`],
    [
      "a list without the contract",
      { addresses: { list: "mine" } },
      `contract ${token} is not in the list "mine"`,
    ],
    ["another topic", { topics: [null, `0x${"00".repeat(32)}`] }, "topic 1 is"],
    [
      "another event",
      { event: "Approval(address indexed owner, address indexed spender, uint256 value)" },
      "its first topic is not that of Approval",
    ],
    [
      "another value",
      { event: erc20, where: { value: { gt: 1_000 } } },
      "Transfer: value is 1000, not gt 1000",
    ],
    [
      "no alternative",
      { event: erc20, where: { or: [{ from: bob }, { to: alice }] } },
      `none of: from is ${alice}, not eq ${bob}; to is ${bob}`,
    ],
  ])("the reason for %s", (_, filter, reason) => {
    expect(judge(filter, transfer)).toEqual({ matched: false, reason: expect.stringContaining(reason) });
  });
});

describe("topics by position", () => {
  test("null accepts any topic, a list its members, an absent topic nothing", () => {
    const second = zeroPadValue(alice, 32);
    expect(judge({ topics: [null, [second, `0x${"00".repeat(32)}`]] }, transfer).matched).toBe(true);
    expect(judge({ topics: [topic0, null, null, `0x${"00".repeat(32)}`] }, transfer)).toEqual({
      matched: false,
      reason: "it has no topic 3",
    });
    expect(judge({ topics: [null, null] }, { ...transfer, topics: [] }).matched).toBe(true);
  });
});

describe("logs that only look like the event", () => {
  test("ERC-20 and ERC-721 transfers share a topic and are told apart by what is indexed", () => {
    expect(judge({ event: erc20 }, transfer).matched).toBe(true);
    expect(judge({ event: erc721 }, transfer).matched).toBe(false);
    expect(judge({ event: erc721, where: { tokenId: 7 } }, transferOfOne).matched).toBe(true);
    expect(judge({ event: erc20 }, transferOfOne)).toEqual({
      matched: false,
      reason: expect.stringContaining("other arguments are indexed"),
    });
    expect(judge({ events: [erc20, erc721] }, transferOfOne)).toMatchObject({
      event: { args: { tokenId: "7" } },
    });
  });

  test("an anonymous event is any log with its number of topics whose data fits", () => {
    const filter = {
      event: "Note(bytes4 indexed kind, uint256 amount) anonymous",
      where: { amount: { gt: 5 } },
    };
    const log = {
      chainId: 1,
      address: token,
      topics: [`0x12345678${"00".repeat(28)}`],
      data: coder.encode(["uint256"], [6]),
    };
    expect(judge(filter, log)).toMatchObject({
      matched: true,
      event: { args: { kind: "0x12345678", amount: "6" } },
    });
    expect(judge(filter, { ...log, topics: [] }).matched).toBe(false);
    expect(judge(filter, { ...log, data: "0x" })).toEqual({
      matched: false,
      reason: "its data does not fit Note(bytes4,uint256)",
    });
  });

  test.each<[string, string]>([
    ["cut off", `0x${"00".repeat(31)}`],
    ["empty", "0x"],
  ])("data that is %s does not match, whatever the conditions", (_, data) => {
    expect(judge({ event: erc20 }, { ...transfer, data })).toEqual({
      matched: false,
      reason: "its data does not fit Transfer(address,address,uint256)",
    });
    expect(judge({ event: erc20, where: { not: { value: 1 } } }, { ...transfer, data }).matched).toBe(false);
  });

  test("a topic that is no address does not match", () => {
    expect(
      judge(
        { event: erc20 },
        { ...transfer, topics: [topic0, `0x01${"00".repeat(31)}`, transfer.topics[2] ?? ""] },
      ).matched,
    ).toBe(false);
  });

  test("data with more behind it than the event has still matches", () => {
    expect(judge({ event: erc20 }, { ...transfer, data: `${transfer.data}${"00".repeat(32)}` }).matched).toBe(
      true,
    );
  });

  test("a few words whose offsets share their targets a million times over do not match", () => {
    const word = (value: number): string => value.toString(16).padStart(64, "0");
    const level = `${word(8)}${word(8 * 32).repeat(8)}`;
    const type = `bytes${"[]".repeat(7)}`;
    const log = {
      chainId: 1,
      address: token,
      topics: [id(`E(${type})`)],
      data: `0x${word(32)}${level.repeat(7)}${word(0)}`,
    };
    expect(judge({ event: `E(${type} a)` }, log)).toMatchObject({ matched: false });
  });
});

describe("conditions on every kind of argument", () => {
  const max = (1n << 255n) - 1n;
  test.each<[string, unknown, unknown, boolean]>([
    ["uint256", 2n ** 256n - 1n, { eq: (2n ** 256n - 1n).toString() }, true],
    ["uint256", 2n ** 256n - 1n, { gt: (2n ** 256n - 2n).toString() }, true],
    ["uint256", 2n ** 64n, { lte: 2 ** 53 - 1 }, false],
    ["int256", -1n, { lt: 0 }, true],
    ["int256", -max - 1n, { lte: (-max - 1n).toString() }, true],
    ["int256", max, { gte: -1 }, true],
    ["int24", -887_272, { gte: "-887272", lt: "-887271" }, true],
    ["bool", true, true, true],
    ["bool", false, { ne: false }, false],
    ["address", alice, { in: [bob, alice] }, true],
    ["address", alice, { startsWith: "0xA1a1" }, true],
    ["bytes4", "0x12345678", { contains: "0x3456" }, true],
    ["bytes4", "0x12345678", { contains: "0x2345" }, false],
    ["bytes", "0x0102", { eq: "0x0102", length: 2 }, true],
    ["bytes", "0x", { startsWith: "0x" }, true],
    ["string", "Grüße", { contains: "üß", startsWith: "Gr" }, true],
    ["string", "Grüße", { length: { eq: 7 } }, true],
    ["string", "", { eq: "" }, true],
    ["uint8[]", [1, 2, 3], { contains: 2, length: 3 }, true],
    ["uint8[]", [1, 2, 3], { all: { lt: 4 } }, true],
    ["uint8[]", [1, 2, 3], { any: { gt: 3 } }, false],
    ["uint8[]", [], { all: { eq: 9 } }, true],
    ["uint8[]", [1], { "[0]": 1 }, true],
    ["uint8[][]", [[1], [2, 3]], { any: { contains: 3 } }, true],
    ["string[2]", ["a", "b"], { "[1]": { in: ["b", "c"] } }, true],
  ])("%s %s where %j: %s", (type, value, where, matches) => {
    const log = logOf(`E(${type})`, [type], [value]);
    expect(judge({ event: `E(${type} a)`, where: { a: where } }, log).matched).toBe(matches);
  });

  const orders = "Filled((address maker, (uint128 amount, string memo)[] items) order, uint64 fee)";
  const filled = logOf(
    "Filled((address,(uint128,string)[]),uint64)",
    ["tuple(address,tuple(uint128,string)[])", "uint64"],
    [
      [
        alice,
        [
          [5, "first"],
          [9, "second"],
        ],
      ],
      3,
    ],
  );

  test.each<[unknown, boolean]>([
    [{ "order.maker": alice, fee: 3 }, true],
    [{ order: { maker: alice, items: { any: { amount: { gt: 8 }, memo: { startsWith: "sec" } } } } }, true],
    [{ "order.items": { any: { amount: { gt: 8 }, memo: "first" } } }, false],
    [{ "order.items[1].amount": 9, "order.items.length": 2 }, true],
    [{ "order.items[2].amount": { ne: 1 } }, true],
    [{ "order.items[2].amount": { gte: 0 } }, false],
  ])("tuples in arrays in tuples: %j is %s", (where, matches) => {
    expect(judge({ event: orders, where }, filled).matched).toBe(matches);
  });

  test("an indexed text is compared by its hash, an indexed array by the hash that the user gives", () => {
    const hash = keccak256(toUtf8Bytes("vitalik"));
    const named = logOf("Named(string,uint8[])", [], [], [hash, `0x${"11".repeat(32)}`]);
    const event = "Named(string indexed name, uint8[] indexed path)";
    expect(judge({ event, where: { name: "vitalik", path: `0x${"11".repeat(32)}` } }, named)).toMatchObject({
      matched: true,
      event: { args: { name: hash } },
    });
    expect(judge({ event, where: { name: { nin: ["vitalik", "nick"] } } }, named).matched).toBe(false);
    expect(parseFilter({ event, where: { name: { startsWith: "vit" } } })).toMatchObject({
      ok: false,
      problems: [{ path: "where.name.startsWith" }],
    });
  });

  test("arguments without a name, and with a name twice, are called by position", () => {
    const log = logOf("E(uint8,uint8,uint8)", ["uint8", "uint8", "uint8"], [1, 2, 3]);
    expect(judge({ event: "E(uint8, uint8 x, uint8 x)", where: { 0: 1, 2: 3 } }, log)).toMatchObject({
      matched: true,
      event: { args: { 0: "1", 1: "2", 2: "3" } },
    });
    expect(parseFilter({ event: "E(uint8, uint8 x, uint8 x)", where: { x: 2 } })).toMatchObject({
      problems: [{ path: "where.x", suggestion: 'call them by position: "1" or "2"' }],
    });
  });

  test("an argument may be called or", () => {
    const log = logOf("E(uint8)", ["uint8"], [4]);
    expect(judge({ event: "E(uint8 or)", where: { 0: 4 } }, log)).toMatchObject({
      matched: true,
      event: { args: { or: "4" } },
    });
  });
});
