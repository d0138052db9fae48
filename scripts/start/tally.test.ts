import type { Attempt, Block, Delivery } from "@ethhook/schemas";
import { expect, test } from "vitest";
import { createTally } from "./tally.ts";

const setUp = () =>
  createTally([{ id: 1, name: "ethereum" }], 1_000, (endpointId) => endpointId === "ep_ours");
const block = (more: Partial<Block> = {}) =>
  ({ kind: "added", chainId: 1, number: 7, logCount: 3, seenAtMs: 2_000, ...more }) as Block;
const delivery = (webhookId: string, more: Partial<Delivery> = {}) =>
  ({ webhookId, chainId: 1, endpointId: "ep_ours", seenAtMs: 2_000, ...more }) as Delivery;
const failure = (webhookId: string) =>
  ({ webhookId, chainId: 1, endpointId: "ep_ours", outcome: "timeout" }) as Attempt;

test("blocks and logs are counted from the ledger, of this session only", () => {
  const tally = setUp();
  tally.block(block());
  tally.block(block({ seenAtMs: 999 }));
  tally.block(block({ kind: "finalized", logCount: 0 }));
  tally.block(block({ chainId: 10 }));
  expect(tally.chains()).toMatchObject([{ chain: "ethereum", blocks: 1, logs: 3, head: 7 }]);
});

test("a webhook is delivered once both topic and receiver told of it, in either order", () => {
  const tally = setUp();
  tally.delivery(delivery("a"));
  tally.received("a", 2_010);
  tally.received("b", 2_030);
  tally.delivery(delivery("b"));
  expect(tally.chains()).toMatchObject([{ matched: 2, delivered: 2, failed: 0 }]);
  expect([tally.latencies.percentile(0.5), tally.latencies.percentile(0.99)]).toEqual([10, 30]);
});

test("repeated records and receipts count once", () => {
  const tally = setUp();
  for (const atMs of [2_010, 2_500]) {
    tally.delivery(delivery("a"));
    tally.received("a", atMs);
  }
  expect(tally.chains()).toMatchObject([{ matched: 1, delivered: 1 }]);
  expect(tally.latencies.count()).toBe(1);
  expect(tally.firstReceivedAtMs()).toBe(2_010);
});

test("a failed POST counts as failed until the webhook is received after all", () => {
  const tally = setUp();
  tally.attempt(failure("a"));
  tally.delivery(delivery("a"));
  tally.attempt(failure("a"));
  expect(tally.chains()).toMatchObject([{ matched: 1, delivered: 0, failed: 1 }]);
  tally.received("a", 9_000);
  expect(tally.chains()).toMatchObject([{ delivered: 1, failed: 0 }]);
});

test("what is sent to others' endpoints is not counted", () => {
  const tally = setUp();
  tally.delivery(delivery("a", { endpointId: "ep_others" }));
  expect(tally.chains()).toMatchObject([{ matched: 0 }]);
});
