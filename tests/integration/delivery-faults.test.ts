import type { Delivery } from "@ethhook/schemas";
import { compareLedger, type Ledger, type Received } from "@ethhook/scripts/ledger";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  deliveryOf,
  startDeliveryStage,
  type DeliveryStage,
  type TestEndpoint,
} from "../support/delivery-stage.ts";
import { atPace } from "../support/pace.ts";
import type { ServiceProcess } from "../support/service-process.ts";
import { hang, slowly, startTestReceiver, status, type TestReceiver } from "../support/test-receiver.ts";
import { until } from "../support/until.ts";

let stage: DeliveryStage;
let receiver: TestReceiver;

beforeAll(async () => {
  [stage, receiver] = await Promise.all([startDeliveryStage(), startTestReceiver()]);
});
afterAll(async () => {
  await stage.stop();
  await receiver.stop();
});

const quick = {
  retryScheduleSeconds: [0, ...Array.from({ length: 29 }, () => 0.3)],
  breaker: { failures: 100 },
};

/** Endpoints of every temper under a steady load, and the ledger of what they took. */
async function createLoad(name: string) {
  const received: Received[] = [];
  const sent: Delivery[] = [];
  const ordered = new Set<string>();
  const endpoints: TestEndpoint[] = [];
  let seed = 7;
  /** The same numbers in every run. */
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (let n = 0; n < 8; n += 1) {
    const path = `/${name}-${n}`;
    const isOrdered = n >= 5;
    const endpoint = await stage.endpoint(`${receiver.url}${path}`, {
      ...quick,
      ordering: isOrdered ? "endpoint" : "none",
    });
    if (isOrdered) ordered.add(endpoint.id);
    endpoints.push(endpoint);
    // 0-1 and 5 answer at once, 2-3 and 6 fail now and then, 4 and 7 are slow now and then.
    const failing = n === 2 || n === 3 || n === 6;
    const slow = n === 4 || n === 7;
    receiver.answer(path, (post, response) => {
      const fails = failing && random() < 0.1;
      received.push({ webhookId: post.webhookId, body: post.body, taken: !fails });
      const answer = status(fails ? 503 : 200);
      (slow && random() < 0.05 ? slowly(800, answer) : answer)(post, response);
    });
  }
  return {
    sent,
    async produce(perEndpoint: number): Promise<void> {
      const batch = endpoints.flatMap((endpoint) =>
        Array.from({ length: perEndpoint }, (_, n) => deliveryOf(endpoint, sent.length + n)),
      );
      sent.push(...batch);
      await stage.produce(batch);
    },
    async drained(deadlineMs: number): Promise<Ledger> {
      const wanted = sent.map(({ webhookId, endpointId }) => ({
        webhookId,
        order: ordered.has(endpointId) ? endpointId : null,
      }));
      const ledger = () => compareLedger(wanted, received);
      await until(
        "everything arrived",
        async () => ledger().lost.length,
        (lost) => lost === 0,
        deadlineMs,
      );
      return ledger();
    },
  };
}

const perfect = { lost: [], unknown: [], changed: [], reordered: [] };

test("twenty processes are killed under load: nothing is lost, changed or out of order", async () => {
  const load = await createLoad("killed");
  const env = { SESSION_TIMEOUT_MS: "6000" };
  let processes = await Promise.all(Array.from({ length: 5 }, () => stage.deliveryProcess(env)));
  for (let round = 0; round < 4; round += 1) {
    // In the middle of a burst, so that POSTs, attempts, parks and commits are under way.
    await atPace(20, 20, () => load.produce(2));
    for (const one of processes) one.signal("SIGKILL");
    await Promise.all(processes.map((one) => one.exited));
    await load.produce(5);
    processes = await Promise.all(Array.from({ length: 5 }, () => stage.deliveryProcess(env)));
  }
  const ledger = await load.drained(60_000);
  expect(ledger).toMatchObject(perfect);
  expect(ledger.duplicates).toBeLessThan(load.sent.length);
  await Promise.all(processes.map((one) => one.stop()));
}, 180_000);

test("processes come and go: each change is drained, so that next to nothing is sent twice", async () => {
  const load = await createLoad("joining");
  const processes: ServiceProcess[] = [await stage.deliveryProcess()];
  const ending: Promise<unknown>[] = [];
  const changes = async () => {
    for (let change = 0; change < 6; change += 1) {
      if (change % 2 === 0) processes.push(await stage.deliveryProcess());
      else ending.push(processes.shift()?.stop() ?? Promise.resolve());
      await Promise.all(ending);
    }
  };
  await Promise.all([changes(), atPace(50, 160, () => load.produce(1))]);
  const ledger = await load.drained(60_000);
  expect(ledger).toMatchObject(perfect);
  expect(ledger.duplicates).toBeLessThanOrEqual(load.sent.length / 50);
  await Promise.all(processes.map((one) => one.stop()));
}, 180_000);

test("the broker is killed and comes back: nothing is lost, changed or out of order", async () => {
  const load = await createLoad("broker");
  const process = await stage.deliveryProcess();
  await atPace(20, 50, () => load.produce(2));
  await stage.killAndRestart("kafka");
  await atPace(20, 50, () => load.produce(2));
  expect(await load.drained(60_000)).toMatchObject(perfect);
  expect(await process.stop()).toBe(0);
}, 180_000);

test("Postgres is killed and comes back: nothing is lost, changed or out of order", async () => {
  const load = await createLoad("postgres");
  const process = await stage.deliveryProcess();
  await atPace(20, 50, () => load.produce(2));
  await stage.killAndRestart("postgres", () => atPace(20, 50, () => load.produce(2)));
  await atPace(20, 50, () => load.produce(2));
  expect(await load.drained(60_000)).toMatchObject(perfect);
  expect(await process.stop()).toBe(0);
}, 180_000);

test("SIGTERM while a hundred deliveries hang: the process ends in time and its successor delivers them", async () => {
  const endpoints = await Promise.all(
    Array.from({ length: 100 }, (_, n) => stage.endpoint(`${receiver.url}/hang-${n}`, quick)),
  );
  for (let n = 0; n < 100; n += 1) receiver.answer(`/hang-${n}`, hang);
  const hanging = () => receiver.posts.filter((post) => post.path.startsWith("/hang-"));
  const first = await stage.deliveryProcess();
  await stage.produce(endpoints.map((endpoint, n) => deliveryOf(endpoint, n)));
  await until(
    "a hundred hang",
    async () => hanging().length,
    (n) => n === 100,
  );
  const startedAtMs = Date.now();
  expect(await first.stop(20_000)).toBe(0);
  expect(Date.now() - startedAtMs).toBeLessThan(10_000);
  for (let n = 0; n < 100; n += 1) receiver.answer(`/hang-${n}`, status(200));
  const second = await stage.deliveryProcess();
  const all = await until(
    "each came again",
    async () => hanging(),
    (posts) => posts.length >= 200,
    30_000,
  );
  expect(new Set(all.map((post) => `${post.webhookId} ${post.body}`)).size).toBe(100);
  await until(
    "nothing parked",
    () => stage.parkedRows(),
    (rows) => rows === 0,
  );
  await second.stop();
}, 120_000);
