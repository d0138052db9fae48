import { expect, test } from "vitest";
import { createOffsetTracker } from "./offset-tracker.ts";

const p0 = { topic: "t", partition: 0 };
const p1 = { topic: "t", partition: 1 };
const offsets = (tracker: ReturnType<typeof createOffsetTracker>) =>
  tracker.committable().map(({ topic, partition, offset }) => `${topic}:${partition}=${offset}`);

test("the lowest unsettled offset is committed, whatever was settled above it", () => {
  const tracker = createOffsetTracker();
  tracker.assign([{ ...p0, offset: 10 }]);
  const run = tracker.append(p0, 10, [10, 11, 12], 13)!;
  run.settle(12);
  run.settle(11);
  expect(offsets(tracker)).toEqual([]);
  run.settle(10);
  expect(offsets(tracker)).toEqual(["t:0=13"]);
});

test("holes in the offsets are no gap, and an offset that was never a record settles nothing", () => {
  const tracker = createOffsetTracker();
  tracker.assign([{ ...p0, offset: 0 }]);
  const run = tracker.append(p0, 0, [1, 4, 9], 12)!;
  run.settle(2);
  run.settle(1);
  expect(offsets(tracker)).toEqual(["t:0=4"]);
  run.settleAll();
  expect(offsets(tracker)).toEqual(["t:0=12"]);
});

test("a batch of markers alone moves the offset only when earlier work is settled", () => {
  const tracker = createOffsetTracker();
  tracker.assign([{ ...p0, offset: 0 }]);
  const run = tracker.append(p0, 0, [0], 1)!;
  tracker.append(p0, 1, [], 3);
  expect(offsets(tracker)).toEqual([]);
  run.settle(0);
  expect(offsets(tracker)).toEqual(["t:0=3"]);
});

test("a fetch that does not continue where the last one ended is refused", () => {
  const tracker = createOffsetTracker();
  tracker.assign([{ ...p0, offset: 5 }]);
  expect(tracker.append(p0, 6, [6], 7)).toBeUndefined();
  expect(tracker.append(p1, 5, [5], 6)).toBeUndefined();
  expect(tracker.position(p0)).toBe(5);
});

test("work of an older assignment settles nothing, although it has the same offsets", () => {
  const tracker = createOffsetTracker();
  tracker.assign([{ ...p0, offset: 0 }]);
  const old = tracker.append(p0, 0, [0, 1], 2)!;
  tracker.assign([{ ...p0, offset: 0 }]);
  const now = tracker.append(p0, 0, [0, 1], 2)!;
  old.settleAll();
  expect([old.isLive(), now.isLive(), tracker.unsettled()]).toEqual([false, true, 2]);
  expect(offsets(tracker)).toEqual([]);
});

test("after a seek, the sought offset is what a successor would read first", () => {
  const tracker = createOffsetTracker();
  tracker.assign([{ ...p0, offset: 0 }]);
  const run = tracker.append(p0, 0, [0, 1, 2, 3], 4)!;
  run.settle(0);
  run.settle(1);
  tracker.seek(p0, 2);
  expect([run.isLive(), ...offsets(tracker)]).toEqual([false, "t:0=2"]);
});

test("every change of a partition's unsettled records is told", () => {
  const told: string[] = [];
  const tracker = createOffsetTracker({
    onChange: ({ partition }, unsettled) => told.push(`${partition}:${unsettled}`),
  });
  tracker.assign([
    { ...p0, offset: 0 },
    { ...p1, offset: 0 },
  ]);
  const run = tracker.append(p1, 0, [0, 1], 2)!;
  run.settle(1);
  run.settle(1);
  run.settleAll();
  run.settleAll();
  expect(told).toEqual(["1:2", "1:1", "1:0"]);
});

test("settling a hundred thousand records one by one takes well under a second", () => {
  const tracker = createOffsetTracker();
  tracker.assign([{ ...p0, offset: 0 }]);
  const runs = Array.from({ length: 1000 }, (_, run) => {
    const own = Array.from({ length: 100 }, (__, index) => run * 100 + index);
    return { own, run: tracker.append(p0, run * 100, own, run * 100 + 100)! };
  });
  const startedAt = performance.now();
  for (const { own, run } of runs.toReversed()) for (const offset of own) run.settle(offset);
  expect(performance.now() - startedAt).toBeLessThan(1000);
  expect(offsets(tracker)).toEqual(["t:0=100000"]);
});
