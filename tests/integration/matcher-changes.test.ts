import type { Log } from "@ethhook/schemas";
import { partitionOf, type InRecord } from "@ethhook/kit";
import { logPartitions } from "@ethhook/topology";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  createMatcherWorld,
  topology,
  type MatcherWorld,
  type TestMatcher,
} from "../support/matcher-world.ts";
import { addressOf, sampleLog } from "../support/messages.ts";
import { atPace } from "../support/pace.ts";
import { readDeadLogs } from "../support/read-topics.ts";
import { until } from "../support/until.ts";

const contracts = Array.from({ length: 36 }, (_, at) => addressOf(at));
const blockEveryMs = 25;
const effectiveWithinMs = 1_000;

let world: MatcherWorld;
let matcher: TestMatcher;

beforeAll(async () => {
  world = await createMatcherWorld();
  await world.subscribe("ep_always", { filter: {} });
  matcher = world.matcher({ MATCHER_GROUPS: "latest" });
  await matcher.start();
});

afterAll(async () => {
  await matcher?.stop(5_000);
  await world?.stop();
});

interface Published {
  readonly log: Log;
  readonly partition: number;
  /** When the broker had it. */
  readonly atMs: number;
}

/** One log of every contract in each block, block after block, until it is stopped. */
function startBlocks(firstSequence: number) {
  const published: Published[] = [];
  let sequence = firstSequence;
  let stopped = false;
  const running = (async () => {
    while (!stopped) {
      await atPace(blockEveryMs, 10, async () => {
        const at = { sequence, blockNumber: sequence };
        const logs = contracts.map((address, logIndex) => sampleLog({ ...at, logIndex, address }));
        sequence += 1;
        await world.publish(logs);
        const atMs = Date.now();
        for (const log of logs)
          published.push({ log, partition: partitionOf(log.address, logPartitions), atMs });
      });
    }
  })();
  return {
    published: published as readonly Published[],
    async stop() {
      stopped = true;
      await running;
    },
  };
}

async function deliveriesTo(endpoint: string) {
  return (await world.deliveries()).filter((one) => one.endpointId === endpoint);
}

test("a change is effective within a second, between two sequences of each partition, and recorded before its first use", async () => {
  const load = startBlocks(1);
  await until(
    "blocks before the change",
    async () => load.published.length,
    (count) => count > 500,
  );
  const version = await world.subscribe("ep_new", { filter: {} });
  const changedAtMs = Date.now();
  const isLate = ({ atMs }: Published): boolean => atMs > changedAtMs + effectiveWithinMs;
  await until(
    "blocks a second later",
    async () => load.published.filter(isLate).length,
    (count) => count > 500,
  );
  await load.stop();
  const all = await until(
    "every log delivered",
    () => deliveriesTo("ep_always"),
    (found) => found.length >= load.published.length,
  );
  expect(all).toHaveLength(load.published.length);

  const fresh = await deliveriesTo("ep_new");
  const { rows } = await world.database.query<{ partition: number; from: number; recordedAtMs: number }>(
    `SELECT partition, from_sequence::int AS from, (extract(epoch FROM recorded_at) * 1000)::float8 AS "recordedAtMs"
     FROM matcher_epochs WHERE group_id = 'matcher.latest' AND chain_id = 1 AND version = $1`,
    [version],
  );
  const used = new Set(load.published.map(({ partition }) => partition));
  expect(new Set(rows.map(({ partition }) => partition))).toEqual(used);
  for (const { partition, from, recordedAtMs } of rows) {
    const mine = load.published.filter((one) => one.partition === partition);
    const expected = mine.filter(({ log }) => log.sequence >= from);
    expect(expected.length).toBeGreaterThanOrEqual(mine.filter(isLate).length);
    const told = fresh.filter((one) => partitionOf(one.contract, logPartitions) === partition);
    expect(told.map((one) => `${one.sequence} ${one.contract}`).toSorted()).toEqual(
      expected.map(({ log }) => `${log.sequence} ${log.address}`).toSorted(),
    );
    expect(Math.min(...told.map((one) => one.matchedAtMs))).toBeGreaterThanOrEqual(Math.floor(recordedAtMs));
    expect(new Set(told.map((one) => one.filterVersion))).toEqual(new Set([version]));
  }
});

test("a change that was made while the connection was lost is seen after it, and meanwhile the filters stay", async () => {
  const { rows } = await world.database.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND query ILIKE 'listen%'`,
  );
  expect(rows).toHaveLength(1);
  await until(
    "that it says so",
    async () => matcher.notReady(),
    (problems) => problems.join().includes("no connection to Postgres"),
  );
  const version = await world.subscribe("ep_missed", { filter: {} });
  const before = (await deliveriesTo("ep_always")).length;
  await world.publish([sampleLog({ sequence: 100_000, blockNumber: 100_000 })]);
  await until(
    "filters meanwhile",
    () => deliveriesTo("ep_always"),
    (found) => found.length === before + 1,
  );
  await until(
    "that it listens again",
    async () => matcher.notReady(),
    (problems) => problems.length === 0,
  );
  await matcher.knows(version);
  await world.publish([sampleLog({ sequence: 100_001, blockNumber: 100_001 })]);
  const told = await until(
    "the new endpoint",
    () => deliveriesTo("ep_missed"),
    (found) => found.length > 0,
  );
  expect(told.map((one) => one.sequence)).toEqual([100_001]);
});

const deadLetters = (): Promise<readonly InRecord[]> => readDeadLogs(world.kafka, topology);

test("a poison record goes to the dead letters byte for byte with its origin, and its partition goes on", async () => {
  const topic = "logs.base";
  const key = addressOf(1);
  const poison = [Buffer.from([0xff, 0x00, 0xfe]), "{not json", '{"v":1}', ""];
  const producer = world.kafka.producer();
  await producer.start();
  await producer.send(poison.map((value) => ({ topic, key, value })));
  await producer.stop();
  await world.publish([sampleLog({ chainId: 8_453, sequence: 7 })]);
  await until(
    "the log behind them",
    () => deliveriesTo("ep_always"),
    (found) => found.some((one) => one.chainId === 8_453),
  );
  const letters = await until("the letters", deadLetters, (found) => found.length === poison.length);
  const partition = String(partitionOf(key, logPartitions));
  for (const [at, value] of poison.entries()) {
    const letter = letters.find((one) => one.headers["source-offset"] === String(at));
    expect(letter?.value).toEqual(Buffer.from(value));
    expect(letter?.key).toBe(key);
    expect(letter?.headers).toMatchObject({
      "source-topic": topic,
      "source-partition": partition,
      reason: expect.stringMatching(/\w{3}/),
      group: "matcher.latest",
    });
  }
  expect(matcher.notReady()).toEqual([]);
});

test("a newer version, or garbage and nothing else, stops its partition and no other, and says so", async () => {
  const [newer, garbage] = [addressOf(2), addressOf(3)];
  const elsewhere = contracts.find(
    (one) =>
      ![newer, garbage].some((key) => partitionOf(key, logPartitions) === partitionOf(one, logPartitions)),
  )!;
  const producer = world.kafka.producer();
  await producer.start();
  const later = JSON.stringify({ ...sampleLog({ chainId: 42_161, address: newer }), v: 2 });
  await producer.send([{ topic: "logs.arbitrum", key: newer, value: later }]);
  await producer.send(
    Array.from({ length: 300 }, () => ({ topic: "logs.arbitrum", key: garbage, value: "?" })),
  );
  await producer.stop();
  const stopped = await until(
    "both partitions to stop",
    async () => matcher.notReady(),
    (problems) => problems.length === 2,
  );
  const at = (key: string): string =>
    `logs.arbitrum[${partitionOf(key, logPartitions)}] stands still at offset`;
  expect(stopped).toContainEqual(expect.stringMatching(/version 2.*upgrade/));
  expect(stopped).toContainEqual(expect.stringContaining("nearly every record is unreadable"));
  for (const key of [newer, garbage]) expect(stopped.join()).toContain(at(key));
  for (const address of [newer, garbage, elsewhere])
    await world.publish([sampleLog({ chainId: 42_161, sequence: 9, address })]);
  const told = await until(
    "the other partitions",
    async () => (await deliveriesTo("ep_always")).filter((one) => one.chainId === 42_161),
    (found) => found.length > 0,
  );
  expect(told.map((one) => one.contract)).toEqual([elsewhere]);
  const letters = (await deadLetters()).filter((one) => one.headers["source-topic"] === "logs.arbitrum");
  expect(letters.length).toBeLessThan(60);
  const admin = world.kafka.admin();
  const offsets = await admin.committedOffsets("matcher.latest", ["logs.arbitrum"]);
  await admin.close();
  const committed = offsets.find((one) => one.partition === partitionOf(newer, logPartitions));
  expect(committed?.offset ?? 0).toBe(0);
});
