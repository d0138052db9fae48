import { partitionOf } from "@ethhook/kit";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { EndpointSettingsInput } from "@ethhook/schemas";
import {
  deliveryOf,
  startDeliveryStage,
  type DeliveryStage,
  type TestEndpoint,
} from "../support/delivery-stage.ts";
import type { ServiceProcess } from "../support/service-process.ts";
import { slow, startTestReceiver, status, type TestReceiver } from "../support/test-receiver.ts";
import { until } from "../support/until.ts";

let stage: DeliveryStage;
let receiver: TestReceiver;

beforeAll(async () => {
  [stage, receiver] = await Promise.all([startDeliveryStage(), startTestReceiver()]);
});
afterEach(() => stage.stopProcesses());
afterAll(async () => {
  await stage.stop();
  await receiver.stop();
});

const partitions = 12;
const partitionOfEndpoint = ({ id }: TestEndpoint) => partitionOf(id, partitions);
const arrivals = (path: string) => receiver.posts.filter((post) => post.path === path);
const distinct = (path: string) => new Set(receiver.idsOf(path)).size;
const untilDistinct = (path: string, n: number, deadlineMs?: number) =>
  until(
    `${n} webhooks at ${path}`,
    () => distinct(path),
    (count) => count === n,
    deadlineMs,
  );

/** An endpoint whose partition is, or is not, that of another one. */
async function endpointBeside(
  path: string,
  other: TestEndpoint,
  isShared: boolean,
  settings: EndpointSettingsInput = {},
): Promise<TestEndpoint> {
  for (;;) {
    const endpoint = await stage.endpoint(`${receiver.url}${path}`, settings);
    if ((partitionOfEndpoint(endpoint) === partitionOfEndpoint(other)) === isShared) return endpoint;
  }
}

async function metric(process: ServiceProcess, name: string, labels = ""): Promise<number> {
  const text = await (await fetch(`${process.url}/metrics`)).text();
  const lines = text.split("\n").filter((line) => line.startsWith(`${name}{`) && line.includes(labels));
  return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
}

test("an endpoint far over its rate gets its rate, and neither its neighbour nor their partition waits for it", async () => {
  const ratePerSecond = 20;
  const limited = await stage.endpoint(`${receiver.url}/limited`, { ratePerSecond });
  const neighbour = await endpointBeside("/neighbour", limited, true);
  await stage.deliveryProcess();
  const events = 1_500;
  await stage.produce(
    Array.from({ length: events }, (_, n) => [deliveryOf(limited, n), deliveryOf(neighbour, n)]).flat(),
  );
  await untilDistinct("/neighbour", events);
  await until(
    "only what came back and waits for its second holds an offset",
    () => stage.uncommitted(),
    (records) => records <= 5 * ratePerSecond,
  );
  expect(distinct("/limited"), "most of the limited one's wait").toBeLessThan(events / 2);
  const before = distinct("/limited");
  const all = await until(
    "five seconds' worth",
    () => arrivals("/limited"),
    (posts) => posts.length >= before + 5 * ratePerSecond,
  );
  const tookMs = all[before + 5 * ratePerSecond - 1]!.atMs - all[before]!.atMs;
  expect(tookMs).toBeGreaterThan(3_500);
  expect(tookMs).toBeLessThan(6_500);
  await stage.db.query("UPDATE endpoints SET delivery = '{}' WHERE id = $1", [limited.id]);
  await untilDistinct("/limited", events);
  expect(await stage.dead()).toEqual([]);
});

test.each(["none", "endpoint"] as const)(
  "what an endpoint that takes 800 ms had to leave waiting comes to it as fast as it answers (ordering: %s)",
  async (ordering) => {
    const path = `/takes-800-ms-${ordering}`;
    const endpoint = await stage.endpoint(`${receiver.url}${path}`, { ordering });
    receiver.answer(path, slow(800));
    await stage.deliveryProcess();
    await stage.produce(Array.from({ length: 25 }, (_, n) => deliveryOf(endpoint, n)));
    expect(await untilDistinct(path, 25, 60_000)).toBe(25);
  },
);

test("while Postgres is away, failures fill their partition's window and it pauses; others go on; then nothing is lost", async () => {
  const failing = await stage.endpoint(`${receiver.url}/failing`, {
    retryScheduleSeconds: [0, ...Array.from({ length: 29 }, () => 0.3)],
    breaker: { failures: 100, openSeconds: 1 },
  });
  const well = await endpointBeside("/well", failing, false);
  const process = await stage.deliveryProcess({ WINDOW_RECORDS: "100" });
  await stage.produce([deliveryOf(failing, 0), deliveryOf(well, 0)]);
  await Promise.all([untilDistinct("/failing", 1), untilDistinct("/well", 1)]);
  receiver.answer("/failing", status(500));
  const wave = (from: number) =>
    stage.produce(Array.from({ length: 500 }, (_, n) => deliveryOf(failing, from + n)));
  const inFlight = () => metric(process, "ethhook_kafka_records_in_flight");
  await stage.killAndRestart("postgres", async () => {
    await wave(1);
    await until(
      "the partition is paused",
      () => metric(process, "ethhook_kafka_partitions_paused"),
      (paused) => paused === 1,
    );
    const held = await inFlight();
    await wave(501);
    await stage.produce(Array.from({ length: 300 }, (_, n) => deliveryOf(well, n + 1)));
    await untilDistinct("/well", 301);
    await until("what came then is left in the topic", inFlight, (records) => records <= held);
    expect(distinct("/failing")).toBeLessThanOrEqual(501);
    receiver.answer("/failing", status(200));
  });
  await untilDistinct("/failing", 1_001, 60_000);
  await until(
    "every offset is committed",
    () => stage.uncommitted(),
    (records) => records === 0,
  );
  expect(await stage.dead()).toEqual([]);
});
