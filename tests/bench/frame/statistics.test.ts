import { expect, it } from "vitest";
import { percentile, spreadOf } from "./statistics.ts";

it("takes the middle value, or the mean of the two in the middle", () => {
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  expect(spreadOf([4, 1]).median).toBe(2.5);
});

it("interpolates between the nearest ranks", () => {
  expect(percentile([0, 10, 20, 30, 40], 99)).toBeCloseTo(39.6);
});

it("refuses to make up a figure from nothing", () => {
  expect(() => percentile([], 50)).toThrow(RangeError);
});
