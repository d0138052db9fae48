import type { Block, Log } from "@ethhook/schemas";
import { expect, test } from "vitest";
import { builtInChains } from "./chains.ts";
import { createTopology, toRecord } from "./topics.ts";

const topology = createTopology(builtInChains);
const hash = `0x${"ab".repeat(32)}`;

const log: Log = {
  v: 1,
  kind: "new",
  chainId: 8453,
  blockNumber: 7,
  blockHash: hash,
  blockTimestamp: 1_700_000_000,
  transactionHash: hash,
  transactionIndex: 0,
  logIndex: 3,
  address: `0x${"c0".repeat(20)}`,
  topics: [hash],
  data: "0x",
  sequence: 12,
  addedSequence: 12,
  proof: "bloom",
  seenAtMs: 1,
};
const block: Block = {
  v: 1,
  kind: "added",
  chainId: 8453,
  sequence: 12,
  addedSequence: 12,
  number: 7,
  hash,
  parentHash: hash,
  timestamp: 1_700_000_000,
  logCount: 1,
  digest: "0".repeat(64),
  proof: "bloom",
  seenAtMs: 1,
};

test("a log goes to its chain's topic with the contract's lower-case address as key", () => {
  const record = toRecord(topology.logs.of(8453), { ...log, address: log.address.toUpperCase() });
  expect(record.topic).toBe("logs.base");
  expect(record.key).toBe(log.address);
  expect(record.partition).toBeUndefined();
});

test("a ledger record goes to its chain's own partition of blocks", () => {
  const record = toRecord(topology.blocks, block);
  expect(record).toMatchObject({ topic: "blocks", key: "8453", partition: 3 });
});

test("what a topic writes, it can read", () => {
  const record = toRecord(topology.logs.of(8453), log, { note: "x" });
  expect(topology.logs.of(8453).message.decode(record.value)).toEqual({ ok: true, value: log });
  expect(record.headers).toEqual({ note: "x" });
});

test("a chain outside the topology has no topic and no partition", () => {
  expect(() => topology.logs.of(999)).toThrow("chain 999");
  expect(() => toRecord(topology.blocks, { ...block, chainId: 999 })).toThrow("chain 999");
});

test("every topic is declared once, in the order of the flow", () => {
  expect(topology.topics.map(({ name }) => name)).toEqual([
    "logs.ethereum",
    "logs.arbitrum",
    "logs.optimism",
    "logs.base",
    "blocks",
    "deliveries",
    "deliveries.replay",
    "attempts",
    "deliveries.dlq",
    "logs.dlq",
  ]);
});
