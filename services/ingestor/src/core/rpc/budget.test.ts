import { expect, test } from "vitest";
import { createBudget } from "./budget.ts";

test("a second's worth of requests goes at once, the next ones at their pace", () => {
  const budget = createBudget(10);
  for (let n = 0; n < 10; n++) expect(budget.take(5_000)).toBe(0);
  expect(budget.take(5_000)).toBe(100);
  expect(budget.take(5_000)).toBe(200);
  expect(budget.waitMs(5_000)).toBe(300);
});

test("never more than a second's worth is saved up", () => {
  const budget = createBudget(2);
  for (let n = 0; n < 2; n++) expect(budget.take(1_000_000)).toBe(0);
  expect(budget.take(1_000_000)).toBe(500);
});

test("less than one request a second still is one at a time", () => {
  const budget = createBudget(0.5);
  expect(budget.take(0)).toBe(0);
  expect(budget.take(0)).toBe(2_000);
});

test("without a limit nothing waits", () => {
  const budget = createBudget(null);
  for (let n = 0; n < 1_000; n++) expect(budget.take(0)).toBe(0);
});
