import { expect, test } from "vitest";
import { builtInChains } from "../chains.ts";
import { createTopology } from "../topics.ts";
import { computeLag } from "./compute.ts";
import { eligibleUntilMs, type LedgerEntry } from "./eligible.ts";
import type { GroupState, LagSnapshot, PartitionState } from "./types.ts";

const topology = createTopology(builtInChains);
const nowMs = 1_790_000_000_000;

const partition = (change: Partial<PartitionState> = {}): PartitionState => ({
  topic: "deliveries",
  partition: 0,
  committed: 90,
  start: 0,
  end: 100,
  oldestOpenMs: nowMs - 5_000,
  eligibleEnd: null,
  member: "delivery@127.0.0.1",
  ...change,
});
const group = (change: Partial<GroupState> = {}): GroupState => ({
  group: "delivery",
  state: "Stable",
  members: 1,
  partitions: [partition()],
  ...change,
});
const snapshot = (groups: readonly GroupState[], atMs = nowMs): LagSnapshot => ({ atMs, groups });
const lagOf = (state: GroupState, before?: GroupState) => {
  const earlier = before === undefined ? undefined : snapshot([before], nowMs - 2_000);
  return computeLag(topology, snapshot([state]), earlier).groups.find((lag) => lag.group === state.group)!;
};

test("lag is told in records and in the age of the oldest open record", () => {
  expect(lagOf(group())).toMatchObject({ records: 10, eligibleRecords: 10, seconds: 5, drainSeconds: null });
});

test("a marker of a transaction alone is no lag", () => {
  const lag = lagOf(group({ partitions: [partition({ committed: 99, oldestOpenMs: null })] }));
  expect(lag).toMatchObject({ records: 0, seconds: 0, drainSeconds: 0 });
});

test("a group that never committed has everything that is kept before it", () => {
  expect(lagOf(group({ partitions: [partition({ committed: null, start: 40 })] }))).toMatchObject({
    records: 60,
  });
});

test("what retention deleted unread is an alarm, not lag", () => {
  const lag = lagOf(group({ partitions: [partition({ committed: 30, start: 50 })] }));
  expect(lag.records).toBe(50);
  expect(lag.alarms).toEqual(["deliveries: 20 records were deleted unread"]);
});

test("half of the retention used is an alarm", () => {
  const old = partition({ oldestOpenMs: nowMs - 2 * 86_400_000 });
  expect(lagOf(group({ partitions: [old] })).alarms).toEqual(["deliveries: 67 % of the retention is used"]);
});

test("two snapshots give the rates and the time to drain", () => {
  const before = group({ partitions: [partition({ committed: 50, end: 96 })] });
  const lag = lagOf(group(), before);
  expect(lag.topics[0]).toMatchObject({ consumedPerSecond: 20, producedPerSecond: 2 });
  expect(lag.drainSeconds).toBeCloseTo(10 / 18);
});

test("a lag that grows never drains", () => {
  const before = group({ partitions: [partition({ committed: 89, end: 50 })] });
  expect(lagOf(group(), before).drainSeconds).toBeNull();
});

test("of a group that waits for finality only the eligible part is work", () => {
  const waiting = partition({ topic: "logs.base", eligibleEnd: 94 });
  const lag = lagOf(group({ group: "matcher.finalized", partitions: [waiting] }));
  expect(lag).toMatchObject({ records: 10, eligibleRecords: 4, waitsFor: "finalized" });
  const early = partition({ topic: "logs.base", eligibleEnd: 80 });
  expect(lagOf(group({ group: "matcher.finalized", partitions: [early] })).eligibleRecords).toBe(0);
});

test("a declared group that nobody has joined is shown with an alarm, throw-away readers are hidden", () => {
  const reader = group({ group: "ethhook.reader.123" });
  const foreign = group({ group: "kcat" });
  const report = computeLag(topology, snapshot([reader, foreign]));
  const names = report.groups.map((lag) => lag.group);
  expect(names).toEqual([...topology.groups.map(({ id }) => id), "kcat"]);
  expect(report.groups[0]).toMatchObject({ state: "Absent", alarms: ["has no members"] });
  expect(report.groups.at(-1)).toMatchObject({ declared: false, alarms: [] });
  const all = computeLag(topology, snapshot([reader]), undefined, { includeReaders: true });
  expect(all.groups.at(-1)?.group).toBe("ethhook.reader.123");
});

const ledger = (
  ...entries: readonly [kind: "added" | "removed" | "finalized", number: number][]
): LedgerEntry[] =>
  entries.map(([kind, number], index) => ({
    block: { kind, number, sequence: index + 1, addedSequence: index + 1 },
    timestampMs: 1_000 + index,
  }));

test("a log is confirmed when its block lies a chain's depth below the head", () => {
  const tail = ledger(["added", 1], ["added", 2], ["added", 3], ["added", 4]);
  expect(eligibleUntilMs(tail, { confirmedDepth: 2 }, "confirmed")).toBe(1_001);
  expect(eligibleUntilMs(tail, { confirmedDepth: 9 }, "confirmed")).toBeNull();
});

test("a log is final when the ledger says so", () => {
  const tail = ledger(["added", 1], ["added", 2], ["finalized", 1], ["added", 3]);
  expect(eligibleUntilMs(tail, { confirmedDepth: 2 }, "finalized")).toBe(1_000);
  expect(eligibleUntilMs(ledger(["added", 1]), { confirmedDepth: 2 }, "finalized")).toBeNull();
});
