import type { DeadDelivery, Delivery } from "@ethhook/schemas";
import { toRecord } from "@ethhook/topology";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deliveryOf } from "../support/delivery-stage.ts";
import { sampleDeadDelivery } from "../support/messages.ts";
import { sortedIds, startReplayStage, type ReplayStage } from "../support/replay-stage.ts";
import { status } from "../support/test-receiver.ts";
import { until } from "../support/until.ts";

let stage: ReplayStage;
beforeAll(async () => {
  stage = await startReplayStage();
});
afterAll(() => stage?.stop());

async function redrive(...args: readonly string[]) {
  const { code, stdout, stderr } = await stage.run("redrive", "--json", ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as {
    total: number;
    done: number;
    loop: number;
    endpoints: Record<string, number>;
  };
}

async function bury(deliveries: readonly Delivery[], reason: DeadDelivery["reason"]): Promise<void> {
  const letters = deliveries.map((delivery) =>
    sampleDeadDelivery({ delivery, reason, deadAtMs: Date.now() }),
  );
  await stage.write(letters.map((letter) => toRecord(stage.topology.deliveriesDlq, letter)));
}

test("dead letters come back once, only those asked for, and a dry run says how many", async () => {
  const endpoint = await stage.endpoint(`${stage.receiver.url}/back`);
  const [exhausted, blocked] = [
    [0, 1, 2, 3, 4],
    [5, 6],
  ].map((ns) => ns.map((n) => deliveryOf(endpoint, n)));
  await bury(exhausted!, "exhausted");
  await bury(blocked!, "blocked");
  const dry = await redrive("--dry-run", "--reason", "exhausted");
  expect(dry).toMatchObject({ total: 5, endpoints: { [endpoint.id]: 5 } });
  expect(stage.receiver.idsOf("/back")).toEqual([]);
  expect((await redrive("--reason", "exhausted")).total).toBe(5);
  const posts = await until(
    "the webhooks",
    () => stage.postsOf("/back", "redrive"),
    (found) => found.length === 5,
  );
  expect(sortedIds(posts)).toEqual(sortedIds(exhausted!));
  expect(stage.postsOf("/back")).toEqual([]);
  expect(await redrive("--reason", "exhausted")).toMatchObject({ total: 0, done: 5 });
  expect(await redrive("--endpoint", endpoint.id)).toMatchObject({ total: 2, done: 5 });
});

test("a webhook that dies again comes back again, but not for ever", async () => {
  const endpoint = await stage.endpoint(`${stage.receiver.url}/dying`, { retryScheduleSeconds: [0] });
  stage.receiver.answer("/dying", status(500));
  await stage.produce([deliveryOf(endpoint, 100)]);
  const deaths = async () =>
    (await stage.dead()).filter(({ delivery }) => delivery.endpointId === endpoint.id).length;
  for (const times of [1, 2]) {
    await until(`death ${times}`, deaths, (n) => n === times);
    expect((await redrive("--endpoint", endpoint.id, "--times-max", "2")).total).toBe(1);
  }
  await until("the third death", deaths, (n) => n === 3);
  expect(await redrive("--endpoint", endpoint.id, "--times-max", "2")).toMatchObject({
    total: 0,
    loop: 1,
    done: 2,
  });
});
