import { expect, test } from "vitest";
import { compareLedger, type Received } from "./ledger.ts";

const sent = ["a1", "b1", "a2", "b2"].map((webhookId) => ({ webhookId, order: webhookId.slice(0, 1) }));
const post = (webhookId: string, body = "same", taken = true): Received => ({ webhookId, body, taken });

test("all in order is an empty ledger, also when orders mix and a webhook is repeated", () => {
  const received = [post("b1"), post("a1"), post("b2"), post("a1"), post("a2")];
  expect(compareLedger(sent, received)).toEqual({
    lost: [],
    unknown: [],
    duplicates: 1,
    changed: [],
    reordered: [],
  });
});

test("what was never taken is lost, and what nobody sent is unknown", () => {
  const { lost, unknown } = compareLedger(sent, [
    post("a1"),
    post("a2", "same", false),
    post("c1"),
    post("b2"),
  ]);
  expect({ lost, unknown }).toEqual({ lost: ["b1", "a2"], unknown: ["c1"] });
});

test("another body under the same id is a change; a later one before an earlier one is out of order", () => {
  const received = [post("a2"), post("a1"), post("a1", "other"), post("b1"), post("b2")];
  expect(compareLedger(sent, received)).toMatchObject({ changed: ["a1"], reordered: ["a2"], duplicates: 1 });
});

test("a POST that was refused first counts from when it was taken", () => {
  const received = [post("a1", "same", false), post("a2"), post("a1"), post("b1"), post("b2")];
  expect(compareLedger(sent, received)).toMatchObject({ lost: [], reordered: ["a2"], duplicates: 0 });
});
