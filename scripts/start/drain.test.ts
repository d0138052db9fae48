import { expect, test } from "vitest";
import { drain, type DrainOptions } from "./drain.ts";
import type { ChainTally } from "./tally.ts";

const chain: ChainTally = {
  chain: "base",
  chainId: 8453,
  blocks: 3,
  logs: 5,
  matched: 5,
  delivered: 5,
  failed: 0,
  head: 3,
};
const rows = { logs: 5, deliveries: 5, attempts: 6 };
const settled: DrainOptions = {
  logsOfChain: new Map([["base", 5]]),
  chains: () => [chain],
  unmatched: async () => 0,
  closeSource: async () => undefined,
  rows: async () => rows,
  deadlineMs: 0,
};

test("nothing is said when chain, ledger, matches, receipts and ClickHouse agree", async () => {
  expect(await drain(settled)).toEqual([]);
});

test("it waits for what comes late", async () => {
  let asked = 0;
  const chains = () => {
    asked += 1;
    return [asked < 4 ? { ...chain, delivered: 2 } : chain];
  };
  expect(await drain({ ...settled, chains, deadlineMs: 10_000 })).toEqual([]);
});

test("the source is closed only after the ledger has every log of the chain", async () => {
  const order: string[] = [];
  let asked = 0;
  const chains = () => {
    asked += 1;
    order.push(asked < 3 ? "behind" : "complete");
    return [asked < 3 ? { ...chain, logs: 1 } : chain];
  };
  await drain({
    ...settled,
    chains,
    closeSource: async () => void order.push("closed"),
    deadlineMs: 10_000,
  });
  expect(order.slice(0, 4)).toEqual(["behind", "behind", "complete", "closed"]);
});

test.each<[string, Partial<ChainTally>, string]>([
  ["a log that the ledger lacks", { logs: 4 }, "base: the chain has 5 logs, the ledger 4."],
  ["a log that did not match", { matched: 4, delivered: 4 }, "base: all of 5 logs should match, 4 did."],
  ["a match that was not delivered", { delivered: 4 }, "base: 5 matched, 4 were delivered."],
])("%s is named", async (_what, change, sentence) => {
  const problems = await drain({ ...settled, chains: () => [{ ...chain, ...change }] });
  expect(problems).toContain(sentence);
});

test("rows that ClickHouse lacks are named; more rows are fine", async () => {
  const lacking = await drain({ ...settled, rows: async () => ({ ...rows, attempts: 4 }) });
  expect(lacking).toEqual(["ClickHouse has 4 of 5 rows in attempts."]);
  expect(await drain({ ...settled, rows: async () => ({ logs: 99, deliveries: 99, attempts: 99 }) })).toEqual(
    [],
  );
});

test("on a chain that cannot be asked, what matched must be delivered", async () => {
  const unknown = { ...settled, logsOfChain: new Map<string, number>() };
  expect(await drain({ ...unknown, chains: () => [{ ...chain, matched: 2, delivered: 2 }] })).toEqual([]);
  expect(await drain({ ...unknown, chains: () => [{ ...chain, matched: 2, delivered: 1 }] })).toEqual([
    "base: 2 matched, 1 were delivered.",
  ]);
});
