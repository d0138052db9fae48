import type { Block, Delivery } from "@ethhook/schemas";
import { builtInChains } from "@ethhook/topology";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createMatcherWorld, type MatcherWorld, type TestMatcher } from "../support/matcher-world.ts";
import { sampleBlock, sampleLog } from "../support/messages.ts";
import { until } from "../support/until.ts";

const ethereum = builtInChains.find((chain) => chain.name === "ethereum")!;
const optimism = builtInChains.find((chain) => chain.name === "optimism")!;
const base = builtInChains.find((chain) => chain.name === "base")!;

let world: MatcherWorld;
let matcher: TestMatcher;

beforeAll(async () => {
  world = await createMatcherWorld();
  for (const finality of ["latest", "confirmed", "finalized"] as const)
    await world.subscribe(`ep_${finality}`, { filter: {}, finality });
  // A matcher that takes over lets a log see only what was subscribed a second before it: these were, long ago.
  await world.database.query("UPDATE filter_versions SET created_at = created_at - interval '1 hour'");
  matcher = world.matcher();
  await matcher.start();
});

afterAll(async () => {
  await matcher?.stop(5_000);
  await world?.stop();
});

/** Writes one chain as its ingestor does: each block's logs and its ledger record under the next sequence. */
function chainOf(chainId: number) {
  let sequence = 0;
  const append = async (change: Partial<Block>, logs: number): Promise<number> => {
    sequence += 1;
    const addedSequence = change.addedSequence ?? sequence;
    await world.ledger([sampleBlock({ ...change, chainId, sequence, addedSequence, logCount: logs })]);
    const kind = change.kind === "removed" ? "removed" : "new";
    const { number: blockNumber = 0 } = change;
    await world.publish(
      Array.from({ length: logs }, (_, logIndex) =>
        sampleLog({ chainId, blockNumber, sequence, addedSequence, kind, logIndex }),
      ),
    );
    return sequence;
  };
  return {
    add: (number: number, logs = 0) => append({ kind: "added", number }, logs),
    remove: (number: number, addedSequence: number, logs: number) =>
      append({ kind: "removed", number, addedSequence }, logs),
    finalize: (number: number) => append({ kind: "finalized", number }, 0),
    async addEmpty(from: number, to: number) {
      for (let number = from; number <= to; number += 1) await append({ kind: "added", number }, 0);
    },
  };
}

/** What an endpoint was told, as `kind chain sequence`. */
function told(deliveries: readonly Delivery[], endpoint: string): string[] {
  const of = deliveries.filter((one) => one.endpointId === endpoint);
  return of.map((one) => `${one.kind} ${one.chainId} ${one.sequence}`).toSorted();
}

/** What an endpoint was told, once it was told so many times. */
async function toldTo(endpoint: string, times: number): Promise<string[]> {
  return until(
    `what ${endpoint} is told`,
    async () => told(await world.deliveries(), endpoint),
    (found) => found.length >= times,
  );
}

const onEthereum = chainOf(ethereum.id);
const onBase = chainOf(base.id);

test("each finality is told when the ledger says so, and one chain does not hold up another", async () => {
  expect(await onEthereum.add(100, 2)).toBe(1);
  expect(await onBase.add(500, 1)).toBe(1);
  expect(await toldTo("ep_latest", 3)).toEqual(["new 1 1", "new 1 1", "new 8453 1"]);
  await onBase.addEmpty(501, 500 + base.confirmedDepth);
  expect(await toldTo("ep_confirmed", 1)).toEqual(["new 8453 1"]);
  await onEthereum.addEmpty(101, 100 + ethereum.confirmedDepth);
  expect(await toldTo("ep_confirmed", 3)).toEqual(["new 1 1", "new 1 1", "new 8453 1"]);
  expect(told(await world.deliveries(), "ep_finalized")).toEqual([]);
  await onEthereum.finalize(100);
  expect(await toldTo("ep_finalized", 2)).toEqual(["new 1 1", "new 1 1"]);
  const eligible = await matcher.metric("ethhook_matcher_eligible_seconds");
  expect([...eligible.keys()].filter((labels) => labels.endsWith("chain=base"))).toEqual([
    "group=matcher.confirmed,chain=base",
    "group=matcher.finalized,chain=base",
  ]);
  // What waits is not final, and what is final does not wait.
  expect(new Set(eligible.values())).toEqual(new Set([0]));
});

test("what a reorg took back is never final, also when the matcher is restarted while it waits", async () => {
  const orphan = await onEthereum.add(113, 1);
  await onEthereum.remove(113, orphan, 1);
  await matcher.stop(5_000);
  matcher = world.matcher();
  await matcher.start();
  const kept = await onEthereum.add(113, 1);
  await onEthereum.addEmpty(114, 113 + ethereum.confirmedDepth);
  await onEthereum.finalize(113);
  expect(await toldTo("ep_latest", 6)).toEqual(
    [
      "new 1 1",
      "new 1 1",
      "new 8453 1",
      `new 1 ${orphan}`,
      `removed 1 ${orphan + 1}`,
      `new 1 ${kept}`,
    ].toSorted(),
  );
  expect(await toldTo("ep_confirmed", 4)).toEqual(
    ["new 1 1", "new 1 1", "new 8453 1", `new 1 ${kept}`].toSorted(),
  );
  expect(await toldTo("ep_finalized", 3)).toEqual(["new 1 1", "new 1 1", `new 1 ${kept}`].toSorted());
});

test("a reorg deeper than the depth is told to who was told that the block was confirmed", async () => {
  const first = await onBase.add(531, 1);
  const above: number[] = [];
  for (let number = 532; number <= 531 + base.confirmedDepth; number += 1)
    above.push(await onBase.add(number));
  await until(
    "the confirmed block",
    async () => told(await world.deliveries(), "ep_confirmed"),
    (found) => found.includes(`new 8453 ${first}`),
  );
  for (const [at, sequence] of above.toReversed().entries())
    await onBase.remove(531 + base.confirmedDepth - at, sequence, 0);
  const removal = await onBase.remove(531, first, 1);
  await until(
    "the removal",
    async () => told(await world.deliveries(), "ep_confirmed"),
    (found) => found.includes(`removed 8453 ${removal}`),
  );
  await onBase.finalize(530);
  await until(
    "the finalized block",
    async () => told(await world.deliveries(), "ep_finalized"),
    (found) => found.includes("new 8453 1"),
  );
  expect(
    told(await world.deliveries(), "ep_finalized").filter((one) => one.includes(`8453 ${removal}`)),
  ).toEqual([]);
});

test("an endpoint that changes its finality is told of each log once, also when the matcher is restarted meanwhile", async () => {
  const onOptimism = chainOf(optimism.id);
  const change = async (finality: "latest" | "finalized"): Promise<void> =>
    matcher.knows(await world.subscribe("ep_switch", { filter: { chains: ["optimism"] }, finality }));
  const added: string[] = [];
  const add = async (from: number, to: number): Promise<void> => {
    for (let number = from; number <= to; number += 1)
      added.push(`new ${optimism.id} ${await onOptimism.add(number, 1)}`);
  };
  await change("latest");
  await add(1, 5);
  await change("finalized");
  await add(6, 10);
  await matcher.stop(5_000);
  matcher = world.matcher();
  await matcher.start();
  await add(11, 15);
  await change("latest");
  await add(16, 20);
  await onOptimism.finalize(20);
  // The waiting groups settle every log of the chain after it is final: then nothing more can come.
  const admin = world.kafka.admin();
  await until(
    "the groups at the end of the topic",
    async () => {
      const [end] = (await admin.bounds("logs.optimism")).filter((one) => one.end > 0);
      const groups = await Promise.all(
        ["matcher.latest", "matcher.finalized"].map((group) =>
          admin.committedOffsets(group, ["logs.optimism"]),
        ),
      );
      return groups.every((offsets) =>
        offsets.some((one) => one.partition === end?.partition && one.offset === end.end),
      );
    },
    (areThere) => areThere,
  );
  await admin.close();
  const deliveries = (await world.deliveries()).filter((one) => one.endpointId === "ep_switch");
  expect(told(deliveries, "ep_switch")).toEqual(added.toSorted());
  const waited = deliveries.filter((one) => one.finality === "finalized").map((one) => one.blockNumber);
  expect(waited.toSorted((a, b) => a - b)).toEqual(expect.arrayContaining([7, 10, 11, 14]));
});
