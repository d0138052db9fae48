import { expect, test } from "vitest";
import { backoffMs } from "./backoff.ts";

test("delays are 1, 2, 4 … 60 s, each with up to half of it taken off", () => {
  const longest = [1, 2, 3, 4, 5, 6, 7, 8, 1_000].map((failures) => backoffMs(failures, 0.999_999_999));
  expect(longest.map(Math.round)).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1_000));
  expect(backoffMs(1, 0)).toBe(500);
  expect(backoffMs(50, 0)).toBe(30_000);
});
