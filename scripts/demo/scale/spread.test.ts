import { expect, test } from "vitest";
import { spreadProblem, spreadTable } from "./spread.ts";

const share = (name: string, ...partitions: readonly number[]) => ({ name, partitions });

test.each([
  ["even", [share("a", 0, 2), share("b", 1, 3)], null],
  ["a remainder of one", [share("a", 0, 2), share("b", 1)], null],
  ["two owners", [share("a", 0, 1), share("b", 1, 2)], "a partition has two owners"],
  ["no owner", [share("a", 0), share("b", 1)], "1 of 3 partitions have no owner"],
  ["one has most", [share("a", 0, 1, 2), share("b", 3)], "shares of 3, 1 partitions"],
] as const)("%s", (_, shares, problem) => {
  const count =
    problem === "1 of 3 partitions have no owner"
      ? 3
      : new Set(shares.flatMap((one) => [...one.partitions])).size;
  expect(spreadProblem(shares, count)).toBe(problem);
});

test("the table names each process with its partitions", () => {
  expect(spreadTable("logs.base", [share("matcher 1", 0, 2), share("matcher 2", 1)]).split("\n")).toEqual([
    "process    partitions of logs.base",
    "─────────  ───────────────────────",
    "matcher 1  0 2",
    "matcher 2  1",
  ]);
});
