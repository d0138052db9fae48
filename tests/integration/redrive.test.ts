import type { DeadDelivery, Delivery } from "@ethhook/schemas";
import { applyTopology } from "@ethhook/scripts/topology";
import { builtInChains, createTopology, toRecord } from "@ethhook/topology";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand } from "../support/command.ts";
import { deliveryOf, startDeliveryStage, type DeliveryStage } from "../support/delivery-stage.ts";
import { sampleDeadDelivery } from "../support/messages.ts";
import { startTestReceiver, status, type TestReceiver } from "../support/test-receiver.ts";
import { until } from "../support/until.ts";

const topology = createTopology(builtInChains);
let stage: DeliveryStage;
let receiver: TestReceiver;
beforeAll(async () => {
  [stage, receiver] = await Promise.all([startDeliveryStage(), startTestReceiver()]);
  const admin = stage.kafka.admin();
  await applyTopology(admin, topology);
  await admin.close();
  await stage.deliveryProcess();
});
afterAll(async () => {
  await stage?.stop();
  await receiver?.stop();
});

async function redrive(...args: readonly string[]) {
  const { code, stdout, stderr } = await runCommand("redrive", ["--json", ...args], stage.env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as {
    total: number;
    done: number;
    loop: number;
    endpoints: Record<string, number>;
  };
}

async function bury(deliveries: readonly Delivery[], reason: DeadDelivery["reason"]): Promise<void> {
  const producer = stage.kafka.producer();
  await producer.start();
  const letters = deliveries.map((delivery) =>
    sampleDeadDelivery({ delivery, reason, deadAtMs: Date.now() }),
  );
  await producer.send(letters.map((letter) => toRecord(topology.deliveriesDlq, letter)));
  await producer.stop();
}

test("dead letters come back once, only those asked for, and a dry run says how many", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/back`);
  const [exhausted, blocked] = [
    [0, 1, 2, 3, 4],
    [5, 6],
  ].map((ns) => ns.map((n) => deliveryOf(endpoint, n)));
  await bury(exhausted!, "exhausted");
  await bury(blocked!, "blocked");
  const dry = await redrive("--dry-run", "--reason", "exhausted");
  expect(dry).toMatchObject({ total: 5, endpoints: { [endpoint.id]: 5 } });
  expect(receiver.idsOf("/back")).toEqual([]);
  expect((await redrive("--reason", "exhausted")).total).toBe(5);
  const posts = await until(
    "the webhooks",
    async () => receiver.posts,
    (found) => found.length === 5,
  );
  expect(receiver.idsOf("/back").toSorted()).toEqual(exhausted!.map(({ webhookId }) => webhookId).toSorted());
  expect(posts.every(({ headers }) => headers["ethhook-replay"] === "redrive")).toBe(true);
  expect(await redrive("--reason", "exhausted")).toMatchObject({ total: 0, done: 5 });
  expect(await redrive("--endpoint", endpoint.id)).toMatchObject({ total: 2, done: 5 });
});

test("a webhook that dies again comes back again, but not for ever", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/dying`, { retryScheduleSeconds: [0] });
  receiver.answer("/dying", status(500));
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
