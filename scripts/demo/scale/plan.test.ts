import { expect, test } from "vitest";
import { planLoad } from "./plan.ts";

const limits = { deliveryConcurrency: 15, answerAfterMs: 100 };

test.each([2, 3, 4, 6])("the load is too much for one process and less than %i can take", (processes) => {
  const plan = planLoad(3_000, limits, processes);
  expect(plan).toMatchObject({ matcherPerSecond: 3_000, deliveryPerSecond: 150 });
  expect(plan.logsPerSecond).toBeGreaterThan(3_000 * 1.2 - 1);
  expect(plan.logsPerSecond).toBeLessThan(3_000 * processes * 0.75);
  // What one matcher lets through is already too much for one delivery process.
  const throughOne = (plan.matchedPerSecond * 3_000) / plan.logsPerSecond;
  expect(throughOne).toBeGreaterThan(150 * 1.1);
  expect(plan.matchedPerSecond).toBeLessThan(150 * processes * 0.75);
});
