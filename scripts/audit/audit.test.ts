import { logsDigest, type Block, type Delivery, type Log } from "@ethhook/schemas";
import { builtInChains } from "@ethhook/topology";
import { expect, test } from "vitest";
import { judge } from "./judge.ts";
import { checkLedger } from "./ledger-check.ts";
import { createLogsCheck } from "./logs-check.ts";
import { auditLogs } from "./run.ts";
import type { Expected, Fates, Progress, Trace } from "./types.ts";

const hashOf = (n: number) => `0x${String(n).padStart(64, "0")}`;
const block = (sequence: number, number: number, change: Partial<Block> = {}): Block => ({
  v: 1,
  kind: "added",
  chainId: 1,
  sequence,
  addedSequence: sequence,
  number,
  hash: hashOf(sequence),
  parentHash: hashOf(sequence - 1),
  timestamp: 1,
  logCount: 0,
  digest: "",
  proof: "bloom",
  seenAtMs: 1,
  ...change,
});
const log = (sequence: number, logIndex: number): Log => ({
  v: 1,
  kind: "new",
  chainId: 1,
  blockNumber: sequence,
  blockHash: hashOf(sequence),
  blockTimestamp: 1,
  transactionHash: hashOf(9),
  transactionIndex: 0,
  logIndex,
  address: `0x${"c".repeat(40)}`,
  topics: [],
  data: "0x",
  sequence,
  addedSequence: sequence,
  proof: "bloom",
  seenAtMs: 1,
});

test("a ledger with reorgs and finality is whole", () => {
  const ledger = [
    block(1, 10),
    block(2, 11),
    block(3, 11, { kind: "removed", addedSequence: 2 }),
    block(4, 11, { parentHash: hashOf(1) }),
    block(5, 10, { kind: "finalized" }),
    block(6, 12, { parentHash: hashOf(4) }),
  ];
  expect(checkLedger(ledger)).toEqual([]);
});

test("a missing record, a wrong parent and a wrong removal are named", () => {
  const codes = (ledger: readonly Block[]) => checkLedger(ledger).map(({ code, at }) => `${code} ${at}`);
  expect(codes([block(1, 10), block(3, 12)])).toEqual(["LEDGER_HOLE after sequence 1"]);
  expect(codes([block(1, 10), block(2, 11, { parentHash: hashOf(7) })])).toEqual([
    "LEDGER_BROKEN block 11 (sequence 2)",
  ]);
  expect(codes([block(1, 10), block(2, 11), block(3, 10, { kind: "removed", addedSequence: 1 })])).toEqual([
    "LEDGER_BROKEN block 10 (sequence 3)",
  ]);
});

test("a removal that does not take back every log of its block is named, with how many it does", () => {
  const removal = (change: Partial<Block>) =>
    checkLedger([
      block(1, 10, { logCount: 3, digest: "all" }),
      block(2, 10, { kind: "removed", addedSequence: 1, ...change }),
    ]).map(({ code, detail }) => `${code}: ${detail}`);
  expect(removal({ logCount: 3, digest: "all" })).toEqual([]);
  expect(removal({ logCount: 0, digest: "none" })).toEqual([
    "REMOVAL_DIFFERS: 0 of the 3 logs of sequence 1 were taken back",
  ]);
  expect(removal({ logCount: 3, digest: "others" })).toEqual([
    "REMOVAL_DIFFERS: the digest of its 3 logs is not that of sequence 1",
  ]);
});

test("a window with more webhooks than are held is refused, not judged by half", async () => {
  const placed = [0, 1, 2].map((offset) => ({ log: log(1, offset), partition: 0, offset }));
  const evidence = {
    async *logs() {
      yield placed;
    },
  };
  const window = { chain: builtInChains[0]!, records: new Map([[1, block(1, 10)]]), fromMs: 0, toMs: 1 };
  const rematcher = {
    deliveriesOf: async ({ logIndex }: Log) => [{ webhookId: `msg_${logIndex}` } as Delivery],
  };
  expect((await auditLogs(window, evidence, rematcher, 3)).expected).toHaveLength(3);
  await expect(auditLogs(window, evidence, rematcher, 2)).rejects.toThrow("take a smaller one with --from");
});

test("a missing log is named by its index, and a changed one is noticed", () => {
  const logs = [0, 1, 2].map((index) => log(1, index));
  const records = new Map([[1, block(1, 10, { logCount: 3, digest: logsDigest(logs) })]]);
  const whole = createLogsCheck(records);
  for (const one of [...logs].toReversed()) whole.add(one);
  expect([whole.found(), whole.problems()]).toEqual([3, []]);

  const short = createLogsCheck(records);
  short.add(logs[0]!);
  short.add(logs[0]!);
  short.add(logs[2]!);
  expect(short.problems()).toEqual([
    { code: "LOGS_MISSING", at: "block 10 (sequence 1)", detail: "2 of 3 logs; missing log index 1" },
  ]);

  const changed = createLogsCheck(records);
  for (const one of logs) changed.add({ ...one, data: "0x01" });
  expect(changed.problems().map(({ code }) => code)).toEqual(["LOGS_DIFFER"]);
});

const expected = (webhookId: string, change: Partial<Expected> = {}): Expected => ({
  webhookId,
  endpointId: "ep_1",
  kind: "new",
  finality: "latest",
  newWebhookId: webhookId,
  sequence: 1,
  partition: 0,
  offset: 5,
  ...change,
});
const trace = (webhookId: string): Trace => ({
  webhookId,
  endpointId: "ep_1",
  sequence: 1,
  partition: 0,
  offset: 3,
});
const nobody: Fates = {
  delivered: new Set(),
  attempted: new Set(),
  dead: new Set(),
  parked: new Set(),
  takenBack: new Set(),
};
const past: Progress = { matcher: () => 100, delivery: () => 100 };
const future: Progress = { matcher: () => 0, delivery: () => 0 };
const judged = (webhook: Expected, found: readonly string[], fates: Partial<Fates>, progress = past) => {
  const traces = new Map(found.map((id) => [id, trace(id)]));
  const { counts, problems } = judge([webhook], traces, { ...nobody, ...fates }, progress);
  return [Object.entries(counts).find(([, count]) => count === 1)?.[0], ...problems.map(({ code }) => code)];
};

test("a webhook is delivered, pending, dead or taken back, wherever it is", () => {
  const a = expected("a");
  expect(judged(a, ["a"], { delivered: new Set("a"), attempted: new Set("a") })).toEqual(["delivered"]);
  expect(judged(a, ["a"], { parked: new Set("a") })).toEqual(["pending"]);
  expect(judged(a, ["a"], {}, future)).toEqual(["pending"]);
  expect(judged(a, [], {}, future)).toEqual(["pending"]);
  expect(judged(a, ["a"], { dead: new Set("a") })).toEqual(["dead"]);
  expect(judged(a, ["a"], { takenBack: new Set("a") })).toEqual(["takenBack"]);
});

test("a removal whose log nobody was told of is not sent", () => {
  const removal = expected("r", { kind: "removed", newWebhookId: "n" });
  expect(judged(removal, ["r"], {})).toEqual(["takenBack"]);
  expect(judged(removal, ["r"], { attempted: new Set("n") })).toEqual(["lost", "NEVER_ATTEMPTED"]);
});

test("each way to be lost has its name", () => {
  const a = expected("a");
  expect(judged(a, [], {})).toEqual(["lost", "MATCH_MISSING"]);
  expect(judged(a, ["a"], {})).toEqual(["lost", "NEVER_ATTEMPTED"]);
  expect(judged(a, ["a"], { attempted: new Set("a") })).toEqual(["lost", "NOT_DELIVERED"]);
  expect(judged(a, ["a", "b"], { delivered: new Set("a") })).toEqual(["delivered", "MATCH_UNEXPECTED"]);
});
