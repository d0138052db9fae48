import { afterAll, beforeAll, expect, test } from "vitest";
import { deliveryOf, startDeliveryStage, type DeliveryStage } from "../support/delivery-stage.ts";
import { startTestReceiver, type TestReceiver } from "../support/test-receiver.ts";
import { until } from "../support/until.ts";

let stage: DeliveryStage;
let receiver: TestReceiver;
beforeAll(async () => {
  [stage, receiver] = await Promise.all([startDeliveryStage(), startTestReceiver()]);
});
afterAll(async () => {
  await stage?.stop();
  await receiver?.stop();
});

test("a group that is reset to the beginning, as Console and rpk do it, delivers everything again with the same ids", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/reset`);
  const deliveries = Array.from({ length: 20 }, (_, n) => deliveryOf(endpoint, n));
  const process = await stage.deliveryProcess();
  await stage.produce(deliveries);
  await until(
    "the first time",
    async () => receiver.posts.length,
    (n) => n === 20,
  );

  const admin = stage.kafka.admin();
  const topic = "deliveries";
  const bounds = await admin.bounds(topic);
  const toBegin = bounds.map(({ partition, start }) => ({ partition, offset: start }));
  // While the group has members, the broker refuses: so do Console and rpk.
  await expect(admin.setOffsets("delivery", topic, toBegin)).rejects.toThrow("has members: stop them first");
  expect(await process.stop()).toBe(0);
  await admin.setOffsets("delivery", topic, toBegin);
  await admin.close();

  await stage.deliveryProcess();
  const posts = await until(
    "the second time",
    async () => receiver.posts,
    (found) => found.length === 40,
  );
  const ids = deliveries.map(({ webhookId }) => webhookId).toSorted();
  expect(
    posts
      .slice(20)
      .map(({ webhookId }) => webhookId)
      .toSorted(),
  ).toEqual(ids);
  // Nobody asked for a replay: to delivery these are live webhooks.
  expect(posts.every(({ headers }) => headers["ethhook-replay"] === undefined)).toBe(true);
});
