import { startClickHouse, type ClickHouseEngine } from "@ethhook/infra";
import { deliveryCodec, type Delivery, type Log } from "@ethhook/schemas";
import { migrateClickHouse } from "@ethhook/scripts/migrate";
import { builtInChains } from "@ethhook/topology";
import { createClient } from "@clickhouse/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand, startCommand } from "../support/command.ts";
import {
  createMatcherWorld,
  topology,
  type MatcherWorld,
  type TestMatcher,
} from "../support/matcher-world.ts";
import { addressOf, hashOf, sampleBlock, sampleLog } from "../support/messages.ts";
import { until } from "../support/until.ts";

const chainId = 8453;
let world: MatcherWorld;
let clickhouse: ClickHouseEngine;
let matcher: TestMatcher;
let sequence = 0;

beforeAll(async () => {
  [world, clickhouse] = await Promise.all([createMatcherWorld(), startClickHouse()]);
  const brokers = [world.env["KAFKA_BROKERS"] ?? ""];
  await migrateClickHouse({ url: clickhouse.url, database: "ethhook", brokers, chains: builtInChains });
  matcher = world.matcher();
  await matcher.start();
});
afterAll(async () => {
  await matcher?.stop(5_000);
  await Promise.all([world?.stop(), clickhouse?.stop()]);
});

/** Writes blocks with two logs each, of these contracts in turn; every block at once with its ledger record. */
async function blocks(count: number, contracts: readonly string[]): Promise<readonly Log[]> {
  const written: Log[] = [];
  for (let n = 0; n < count; n++) {
    sequence += 1;
    const at = {
      chainId,
      blockNumber: sequence,
      blockHash: hashOf(sequence),
      sequence,
      seenAtMs: Date.now(),
    };
    const logs = [0, 1].map((logIndex) =>
      sampleLog({ ...at, logIndex, address: contracts[(n * 2 + logIndex) % contracts.length]! }),
    );
    await world.publish(logs);
    await world.ledger([sampleBlock({ chainId, number: sequence, sequence, logCount: 2 })]);
    written.push(...logs);
  }
  return written;
}

const replay = (...args: readonly string[]) =>
  runCommand("replay", args, { ...world.env, CLICKHOUSE_URL: clickhouse.url });

async function replayed(endpoint: string): Promise<readonly Delivery[]> {
  const reader = world.kafka.reader();
  const found: Delivery[] = [];
  for (let partition = 0; partition < topology.deliveriesReplay.partitions; partition++) {
    for await (const records of reader.read({ topic: topology.deliveriesReplay.name, partition })) {
      for (const { value } of records) {
        const decoded = deliveryCodec.decode(value);
        if (decoded.ok && decoded.value.endpointId === endpoint) found.push(decoded.value);
      }
    }
  }
  await reader.close();
  return found;
}
const live = async (endpoint: string) =>
  (await world.deliveries()).filter((delivery) => delivery.endpointId === endpoint);
const idsOf = (deliveries: readonly Delivery[]) => deliveries.map(({ webhookId }) => webhookId).toSorted();
const bodiesOf = (deliveries: readonly Delivery[]) => deliveries.map(({ body }) => body).toSorted();
const filterOf = (contract: string) => ({ filter: { chains: ["base"], addresses: [contract] } });

test("logs are matched again with the filters of their time: the same webhooks, though the filter changed since", async () => {
  const [first, second] = [addressOf(0x10), addressOf(0x11)];
  await matcher.knows(await world.subscribe("ep_changed", filterOf(first)));
  await blocks(10, [first, second]);
  await until(
    "the first ten",
    () => live("ep_changed"),
    (found) => found.length === 10,
  );
  await matcher.knows(await world.subscribe("ep_changed", filterOf(second)));
  await blocks(10, [first, second]);
  const made = await until(
    "ten more",
    () => live("ep_changed"),
    (found) => found.length === 20,
  );

  const { code, stdout, stderr } = await replay(
    "--json",
    "--topic",
    "logs.base",
    "--endpoint",
    "ep_changed",
    "--rate",
    "max",
    "--lead",
    "0",
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({ end: "done", sent: 20 });
  const again = await replayed("ep_changed");
  expect(idsOf(again)).toEqual(idsOf(made));
  expect(bodiesOf(again)).toEqual(bodiesOf(made));
  expect(new Set(again.map(({ origin }) => origin))).toEqual(new Set(["replay"]));
});

test("a new endpoint gets the past and then the live tail: every log once, none between them is missed", async () => {
  const contract = addressOf(0x20);
  const before = await blocks(20, [contract]);
  const version = await world.subscribe("ep_new", filterOf(contract));
  // Some of these are matched live already, some not: it depends on when the matcher heard of the filter.
  const during = await blocks(20, [contract]);
  await matcher.knows(version);
  const running = startCommand(
    "replay",
    ["--json", "--endpoint", "ep_new", "--match-again", "--chain", "base", "--rate", "max", "--lead", "0"],
    { ...world.env, CLICKHOUSE_URL: clickhouse.url },
  );
  const meanwhile = await blocks(20, [contract]);
  const { code, stderr } = await running.done;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const after = await blocks(5, [contract]);

  const logs = [...before, ...during, ...meanwhile, ...after];
  const found = await until(
    "every log",
    async () => ({ past: await replayed("ep_new"), tail: await live("ep_new") }),
    ({ past, tail }) => past.length + tail.length >= logs.length,
  );
  const events = [...found.past, ...found.tail].map(({ eventId }) => eventId).toSorted();
  expect(events).toEqual(logs.map((log) => `${log.chainId}:${log.blockHash}:${log.logIndex}`).toSorted());
  expect(found.past.length).toBeGreaterThanOrEqual(before.length);
  expect(found.tail.length).toBeGreaterThanOrEqual(after.length);
});

test("what the topic no longer holds comes from ClickHouse, with the same ids and bytes", async () => {
  const contract = addressOf(0x30);
  const old = await blocks(30, [contract]);
  const db = createClient({ url: clickhouse.url, database: "ethhook" });
  const inClickHouse = async () => {
    const answer = await db.query({
      query: `SELECT count() AS n FROM logs FINAL WHERE address = unhex('${contract.slice(2)}')`,
      format: "JSONEachRow",
    });
    return Number((await answer.json<{ n: number }>())[0]?.n);
  };
  await until("ClickHouse", inClickHouse, (n) => n === old.length);
  await db.close();
  const admin = world.kafka.admin();
  const topic = topology.logs.of(chainId).name;
  const bounds = await admin.bounds(topic);
  // Retention takes the older half of each partition.
  await admin.deleteRecords(
    topic,
    bounds.map(({ partition, end }) => ({ partition, offset: Math.max(0, end - 30) })),
  );
  await admin.close();
  await matcher.knows(await world.subscribe("ep_old", filterOf(contract)));
  const { code, stderr } = await replay(
    "--json",
    "--endpoint",
    "ep_old",
    "--match-again",
    "--rate",
    "max",
    "--lead",
    "0",
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const past = await replayed("ep_old");
  expect(past.map(({ eventId }) => eventId).toSorted()).toEqual(
    old.map((log) => `${log.chainId}:${log.blockHash}:${log.logIndex}`).toSorted(),
  );
  // In the order of the chain.
  expect(past.map((delivery) => delivery.sequence)).toEqual(
    past.map((delivery) => delivery.sequence).toSorted((a, b) => a - b),
  );
});

test("a log that a reorg took back is not told of to who was not there", async () => {
  const contract = addressOf(0x40);
  const logs = await blocks(2, [contract, addressOf(0x41)]);
  const [gone, stays] = [logs[0]!, logs[2]!];
  sequence += 1;
  const removed = { chainId, sequence, addedSequence: gone.sequence };
  await world.publish([{ ...gone, kind: "removed", sequence, addedSequence: gone.sequence }]);
  await world.ledger([sampleBlock({ ...removed, kind: "removed", number: gone.blockNumber })]);
  await matcher.knows(await world.subscribe("ep_reorg", filterOf(contract)));
  const { code } = await replay("--endpoint", "ep_reorg", "--match-again", "--rate", "max", "--lead", "0");
  expect(code).toBe(0);
  expect((await replayed("ep_reorg")).map(({ eventId }) => eventId)).toEqual([
    `${stays.chainId}:${stays.blockHash}:${stays.logIndex}`,
  ]);
});
