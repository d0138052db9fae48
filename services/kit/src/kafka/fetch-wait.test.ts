import { expect, test } from "vitest";
import { createFetchWait } from "./fetch-wait.ts";

test("a group waits longer once it was quiet for five seconds, and briefly again from its next record on", () => {
  const wait = createFetchWait();
  wait.active(1_000);
  expect([1_000, 5_999, 6_000].map((nowMs) => wait.waitMs(nowMs, true))).toEqual([100, 100, 500]);
  wait.active(6_100);
  expect(wait.waitMs(6_101, true)).toBe(100);
});

test("while something is unsettled or paused it never waits long: a commit or a resume would wait behind the fetch", () => {
  const wait = createFetchWait();
  wait.active(0);
  expect(wait.waitMs(60_000, false)).toBe(100);
});
