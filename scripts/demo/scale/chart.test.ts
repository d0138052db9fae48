import { expect, test } from "vitest";
import { lagChart, sampleLine } from "./chart.ts";

const point = (lagRecords: number, processes = 1) => ({
  lagRecords,
  processes,
  lagSeconds: lagRecords / 1_000,
});

test("bars are as high as their share of the highest, with the processes below", () => {
  const points = [point(0), point(8_000), point(32_000), point(20_000, 2), point(1, 4)];
  expect(lagChart("lag", points).split("\n")).toEqual([
    "lag",
    "      32,000   █  ",
    "               █▄ ",
    "               ██ ",
    "             ▁███▁",
    "   processes 11124",
  ]);
});

test("no lag at all is a flat line, not a division by zero", () => {
  expect(
    lagChart("lag", [point(0), point(0)])
      .split("\n")
      .at(-2),
  ).toBe("             ▁▁");
});

test("a line tells records and age of both groups", () => {
  const sample = { seconds: 3, matcher: point(1_234), delivery: point(5) };
  expect(sampleLine(sample)).toBe(
    "lag of matcher.latest   1,234 records,  1.2 s   of delivery       5 records,  0.0 s",
  );
});
