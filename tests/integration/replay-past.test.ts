import { startClickHouse, type ClickHouseEngine } from "@ethhook/infra";
import { partitionOf } from "@ethhook/kit";
import { deliveryCodec, webhookId, type Attempt, type Delivery, type Log } from "@ethhook/schemas";
import { migrateClickHouse } from "@ethhook/scripts/migrate";
import { builtInChains, toRecord } from "@ethhook/topology";
import { createClient } from "@clickhouse/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand, startCommand } from "../support/command.ts";
import {
  createMatcherWorld,
  topology,
  type MatcherWorld,
  type TestMatcher,
} from "../support/matcher-world.ts";
import {
  addressOf,
  hashOf,
  sampleAttempt,
  sampleBlock,
  sampleDeadDelivery,
  sampleDelivery,
  sampleLog,
} from "../support/messages.ts";
import { sortedIds } from "../support/replay-stage.ts";
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
const bodiesOf = (deliveries: readonly Delivery[]) => deliveries.map(({ body }) => body).toSorted();
/** How many rows of a table an SQL condition finds. */
async function rows(table: string, condition: string): Promise<number> {
  const db = createClient({ url: clickhouse.url, database: "ethhook" });
  const answer = await db.query({
    query: `SELECT count() AS n FROM ${table} FINAL WHERE ${condition}`,
    format: "JSONEachRow",
  });
  const [row] = await answer.json<{ n: number }>();
  await db.close();
  return Number(row?.n);
}

/** As retention does it: of each partition of the logs' topic only the newest records stay. */
async function deleteFromTopic(left: number): Promise<void> {
  const admin = world.kafka.admin();
  const topic = topology.logs.of(chainId).name;
  const bounds = await admin.bounds(topic);
  await admin.deleteRecords(
    topic,
    bounds.map(({ partition, end }) => ({ partition, offset: Math.max(0, end - left) })),
  );
  await admin.close();
}

/** Subscribes with a filter that every matcher heard of a minute ago: then nobody has to wait until they did. */
async function subscribedLongAgo(endpoint: string, contract: string): Promise<void> {
  const version = await world.subscribe(endpoint, filterOf(contract));
  await matcher.knows(version);
  await world.database.query(
    "UPDATE filter_versions SET created_at = created_at - interval '1 minute' WHERE version = $1",
    [version],
  );
}

/** What a dry run counts and what the run then sends, of one endpoint. */
async function dryAndReal(
  endpoint: string,
  ...args: readonly string[]
): Promise<[dry: number, sent: number]> {
  const common = ["--json", "--endpoint", endpoint, "--rate", "max", "--lead", "0", ...args];
  const [dry, real] = [await replay("--dry-run", ...common), await replay(...common)];
  expect([dry.code, dry.stderr, real.code, real.stderr]).toEqual([0, "", 0, ""]);
  const { total, endpoints } = JSON.parse(dry.stdout) as { total: number; endpoints: Record<string, number> };
  expect(endpoints).toEqual(total === 0 ? {} : { [endpoint]: total });
  return [total, (JSON.parse(real.stdout) as { sent: number }).sent];
}

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

  expect(await dryAndReal("ep_changed", "--topic", "logs.base")).toEqual([20, 20]);
  const again = await replayed("ep_changed");
  expect(sortedIds(again)).toEqual(sortedIds(made));
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
  await until(
    "ClickHouse",
    () => rows("logs", `address = unhex('${contract.slice(2)}')`),
    (n) => n === old.length,
  );
  // Retention takes the older half.
  await deleteFromTopic(30);
  await subscribedLongAgo("ep_old", contract);
  expect(await dryAndReal("ep_old", "--match-again")).toEqual([old.length, old.length]);
  const past = await replayed("ep_old");
  expect(past.map(({ eventId }) => eventId).toSorted()).toEqual(
    old.map((log) => `${log.chainId}:${log.blockHash}:${log.logIndex}`).toSorted(),
  );
  // In the order of the chain.
  expect(past.map((delivery) => delivery.sequence)).toEqual(
    past.map((delivery) => delivery.sequence).toSorted((a, b) => a - b),
  );
});

test("killed while it reads ClickHouse, it goes on there: no log is left out, none is told of twice", async () => {
  const contract = addressOf(0x31);
  const old = await blocks(60, [contract]);
  await until(
    "ClickHouse",
    () => rows("logs", `address = unhex('${contract.slice(2)}')`),
    (n) => n === old.length,
  );
  await deleteFromTopic(10);
  await subscribedLongAgo("ep_killed", contract);
  const env = { ...world.env, CLICKHOUSE_URL: clickhouse.url };
  const wish = ["--endpoint", "ep_killed", "--match-again", "--rate", "40/s", "--lead", "0"];
  const first = startCommand("replay", wish, env);
  const sentFirst = await until(
    "a third of it",
    () => replayed("ep_killed"),
    (found) => found.length >= old.length / 3,
  );
  first.child.kill("SIGKILL");
  await first.done;
  expect(sentFirst.length).toBeLessThan(old.length);
  const id = /rpl_\w+/.exec(first.output())?.[0] ?? "";
  const { rows: stored } = await world.database.query<{ positions: object }>(
    "SELECT positions FROM replays WHERE id = $1",
    [id],
  );
  // It was in the part that only ClickHouse has.
  expect(Object.keys(stored[0]?.positions ?? {})).toEqual([`clickhouse:${chainId}`]);

  const resumed = await replay("resume", id);
  expect([resumed.code, resumed.stderr]).toEqual([0, expect.stringContaining(id)]);
  const past = await replayed("ep_killed");
  expect(past.map(({ eventId }) => eventId).toSorted()).toEqual(
    old.map((log) => `${log.chainId}:${log.blockHash}:${log.logIndex}`).toSorted(),
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
  await subscribedLongAgo("ep_reorg", contract);
  const { code } = await replay("--endpoint", "ep_reorg", "--match-again", "--rate", "max", "--lead", "0");
  expect(code).toBe(0);
  expect((await replayed("ep_reorg")).map(({ eventId }) => eventId)).toEqual([
    `${stays.chainId}:${stays.blockHash}:${stays.logIndex}`,
  ]);
});

test("only what failed is sent again, or what was delivered, died, or was never tried: as a dry run says", async () => {
  const deliveries = Array.from({ length: 8 }, (_, n) => {
    const eventId = `${chainId}:${hashOf(9_000)}:${n}`;
    const id = webhookId({ eventId, sequence: 9_000, endpointId: "ep_status", kind: "new" });
    return sampleDelivery({ endpointId: "ep_status", eventId, chainId, logIndex: n, webhookId: id });
  });
  const [delivered, late, ...others] = deliveries as [Delivery, Delivery, ...Delivery[]];
  const [failed, dead, pending] = [others.slice(0, 3), others.slice(3, 4), others.slice(4)];
  const attempt = ({ webhookId: id, endpointId }: Delivery, outcome: Attempt["outcome"], nth: number) =>
    toRecord(
      topology.attempts,
      sampleAttempt({
        attemptId: `att_${id.slice(4, 28)}${nth}`,
        webhookId: id,
        endpointId,
        outcome,
        attempt: nth,
      }),
    );
  const producer = world.kafka.producer();
  await producer.start();
  await producer.send([
    ...deliveries.map((delivery) => toRecord(topology.deliveries, delivery)),
    // What a retry put back: the same webhook, which is not to be counted again.
    ...failed.map((delivery) =>
      toRecord(topology.deliveries, { ...delivery, origin: "release", attemptsMade: 1 }),
    ),
    attempt(delivered, "delivered", 1),
    attempt(late, "failed", 1),
    attempt(late, "delivered", 2),
    ...[...failed, ...dead].map((delivery) => attempt(delivery, "failed", 1)),
    ...dead.map((delivery) => toRecord(topology.deliveriesDlq, sampleDeadDelivery({ delivery }))),
  ]);
  await producer.stop();
  await until(
    "ClickHouse",
    async () => [
      await rows("attempts", "endpoint_id = 'ep_status'"),
      await rows("dead_deliveries", "endpoint_id = 'ep_status'"),
    ],
    ([tried, died]) => tried === 7 && died === 1,
  );
  expect(await dryAndReal("ep_status", "--status", "failed")).toEqual([4, 4]);
  expect(sortedIds(await replayed("ep_status"))).toEqual(sortedIds([...failed, ...dead]));
  const counts = ["delivered", "dead", "pending"].map(async (status) => {
    const { stdout } = await replay("--json", "--dry-run", "--endpoint", "ep_status", "--status", status);
    return (JSON.parse(stdout) as { total: number }).total;
  });
  expect(await Promise.all(counts)).toEqual([2, 1, pending.length]);
});

test("dead logs that can be read now are matched with the filters of their time and brought back, once", async () => {
  const contract = addressOf(0x50);
  await matcher.knows(await world.subscribe("ep_dead_log", filterOf(contract)));
  const [log] = await blocks(1, [contract]);
  await until(
    "what was recorded for its partition",
    () => live("ep_dead_log"),
    (found) => found.length === 2,
  );
  // Of the same block; a version before this one could not read it.
  const dead = { ...log!, logIndex: 7 };
  const record = toRecord(topology.logs.of(chainId), dead);
  const partition = partitionOf(record.key, topology.logs.of(chainId).partitions);
  const producer = world.kafka.producer();
  await producer.start();
  const headers = {
    "source-topic": record.topic,
    "source-partition": String(partition),
    "source-offset": "1",
    reason: "unreadable then",
    group: "matcher.latest",
    "dead-at-ms": String(Date.now()),
  };
  await producer.send([{ ...record, topic: topology.logsDlq.name, headers }]);
  await producer.stop();
  const redrive = async (...args: readonly string[]) => {
    const env = { ...world.env, CLICKHOUSE_URL: clickhouse.url };
    const { code, stdout, stderr } = await runCommand(
      "redrive",
      ["--json", "--topic", "logs.dlq", ...args],
      env,
    );
    expect([code, stderr]).toEqual([0, ""]);
    return JSON.parse(stdout) as { total: number; done: number };
  };
  expect(await redrive("--dry-run")).toMatchObject({ total: 1, done: 0 });
  expect(await redrive()).toMatchObject({ total: 1, done: 0 });
  expect(await redrive()).toMatchObject({ total: 0, done: 1 });
  expect((await replayed("ep_dead_log")).map(({ logIndex, origin }) => [logIndex, origin])).toEqual([
    [7, "redrive"],
  ]);
});
