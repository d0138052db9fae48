import { expect, test } from "vitest";
import { createReleasePlan } from "./release-plan.ts";

const roomy = () => 100;

test("only what is due and finds room is asked for", () => {
  const plan = createReleasePlan();
  plan.parked("later", 2_000, true);
  plan.parked("now", 1_000, true);
  plan.parked("full", 1_000, true);
  expect(plan.due(1_500, (id) => (id === "full" ? 0 : 7))).toEqual([{ endpointId: "now", rowsMax: 7 }]);
});

test("endpoints take turns: who was served waits for the others", () => {
  const plan = createReleasePlan();
  for (const id of ["a", "b", "c"]) plan.parked(id, 0, true);
  expect(plan.due(0, () => 400).map((request) => [request.endpointId, request.rowsMax])).toEqual([
    ["a", 400],
    ["b", 100],
  ]);
  expect(plan.due(0, () => 400).map((request) => request.endpointId)).toEqual(["c", "a"]);
});

test("rows are counted once, however often they are replaced, and forgotten when they are gone", () => {
  const plan = createReleasePlan();
  plan.parked("a", 10, true);
  plan.parked("a", 5, false);
  plan.parked("a", 20, true);
  expect(plan.rowsOf("a")).toBe(2);
  plan.released("a", 1, 20);
  expect([plan.rowsOf("a"), plan.due(10, roomy)]).toEqual([1, []]);
  plan.released("a", 1, null);
  expect([plan.rowsOf("a"), plan.rows]).toEqual([0, 0]);
});

test("what the store says replaces what was known, and a hastened endpoint is asked at once", () => {
  const plan = createReleasePlan();
  plan.parked("old", 0, true);
  plan.reset([{ endpointId: "a", rows: 3, nextDueMs: 1_000 }]);
  expect(plan.due(500, roomy)).toEqual([]);
  plan.hasten("a", 500);
  expect(plan.due(500, roomy)).toEqual([{ endpointId: "a", rowsMax: 100 }]);
});
