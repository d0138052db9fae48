import { expect, test } from "vitest";
import { addHistograms, percentile } from "./histogram.ts";

/** As ClickHouse puts a value into its bucket. */
const bucketOf = (ms: number): number => Math.round(Math.log(Math.max(ms, 0.1) / 0.1) / Math.log(1.1));
const histogramOf = (values: readonly number[]) =>
  values.map((ms) => new Map([[bucketOf(ms), 1]])).reduce(addHistograms, new Map<number, number>());

test.each([
  [0.5, 50],
  [0.95, 95],
  [0.99, 99],
  [1, 100],
])("the %d quantile of 1 to 100 ms is %d ms within 5 percent", (share, expected) => {
  const histogram = histogramOf(Array.from({ length: 100 }, (_, at) => at + 1));
  const found = percentile(histogram, share) ?? 0;
  expect(Math.abs(found - expected) / expected).toBeLessThan(0.06);
});

test("histograms of two hours add up to that of both", () => {
  const both = addHistograms(histogramOf([1, 2, 3]), histogramOf([3, 400]));
  expect(both).toEqual(histogramOf([1, 2, 3, 3, 400]));
});

test("nothing has no percentile", () => {
  expect(percentile(new Map(), 0.5)).toBeNull();
});
