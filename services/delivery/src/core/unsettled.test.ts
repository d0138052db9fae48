import { expect, test } from "vitest";
import { sampleDelivery, sampleJob } from "./testing/sample-jobs.ts";
import { createUnsettled } from "./unsettled.ts";

test("the oldest is the one that came first of those that are not settled, and settling twice is harmless", () => {
  const unsettled = createUnsettled();
  const settled: number[] = [];
  const [first, second] = [1, 2].map((n) =>
    unsettled.watch(
      sampleJob(sampleDelivery(n), { takenAtMs: n * 1_000, settle: () => void settled.push(n) }),
    ),
  );
  expect(unsettled.oldestMs(5_000)).toBe(4_000);
  // Those that move a job on copy it.
  const placed = { ...first!, orderKey: "ep_1" };
  placed.settle();
  placed.settle();
  expect(unsettled.oldestMs(5_000)).toBe(3_000);
  second!.settle();
  expect([unsettled.oldestMs(5_000), settled]).toEqual([0, [1, 1, 2]]);
});

test("what is left to the next owner is nobody's age here", () => {
  const unsettled = createUnsettled();
  unsettled.watch(sampleJob(sampleDelivery(1)));
  unsettled.clear();
  expect(unsettled.oldestMs(5_000)).toBe(0);
});
