import { expect, test } from "vitest";
import { createLogOnce } from "./log-once.ts";

test("the same words are said once in ten seconds, with how often they were kept back", () => {
  let nowMs = 0;
  const once = createLogOnce(() => nowMs);
  expect(once("refused")).toEqual({ say: true, keptBack: 0 });
  expect(once("refused").say).toBe(false);
  expect(once("another").say).toBe(true);
  nowMs = 9_999;
  expect(once("refused").say).toBe(false);
  nowMs = 10_000;
  expect(once("refused")).toEqual({ say: true, keptBack: 2 });
});
