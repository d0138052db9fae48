import { startEngines, type Engines } from "@ethhook/infra";
import type { KafkaClient, Producer } from "@ethhook/kit";
import { migrateClickHouse, migratePostgres } from "@ethhook/scripts/migrate";
import { applyTopology } from "@ethhook/scripts/topology";
import type { Attempt, Delivery } from "@ethhook/schemas";
import { builtInChains, createTopology, toRecord } from "@ethhook/topology";
import type pg from "pg";
import { createClient } from "@clickhouse/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startApiUnderTest, type ApiUnderTest, type Json, type TestUser } from "../support/api-under-test.ts";
import { testKafka } from "../support/kafka.ts";
import { addressOf, hashOf, sampleAttempt, sampleDelivery } from "../support/messages.ts";
import { until } from "../support/until.ts";
import { testPool } from "../support/postgres.ts";

const topology = createTopology(builtInChains);
let engines: Engines;
let kafka: KafkaClient;
let producer: Producer;
let database: pg.Pool;
let world: ApiUnderTest;

beforeAll(async () => {
  engines = await startEngines({ kafka: true, postgres: true, clickhouse: true });
  const brokers = [engines.kafka?.url ?? ""];
  const urls = { clickhouseUrl: engines.clickhouse?.url ?? "", postgresUrl: engines.postgres?.url ?? "" };
  kafka = testKafka(brokers[0]!, topology);
  const admin = kafka.admin();
  await Promise.all([applyTopology(admin, topology), migratePostgres(urls.postgresUrl)]);
  await admin.close();
  const target = { url: urls.clickhouseUrl, database: "ethhook", brokers, chains: builtInChains };
  await migrateClickHouse(target);
  producer = kafka.producer();
  await producer.start();
  database = testPool(urls.postgresUrl);
  world = await startApiUnderTest({ ...urls, brokers });
});

afterAll(async () => {
  await world?.api.stop(1_000);
  await database?.end();
  await producer?.stop();
  await engines?.stop();
});

const minuteMs = 60_000;
const startMs = Math.floor((Date.now() - 10 * minuteMs) / 1_000) * 1_000;
const webhookId = (n: number): string => `msg_${n.toString(16).padStart(32, "0")}`;

/** The n-th delivery of an endpoint, a minute after the one before. */
function deliveryOf(user: TestUser, endpointId: string, n: number, change: Partial<Delivery> = {}): Delivery {
  const atMs = startMs + n * minuteMs;
  return sampleDelivery({
    webhookId: webhookId(n),
    endpointId,
    applicationId: user.application,
    userId: user.id,
    blockNumber: 100 + n,
    blockTimestamp: atMs / 1_000,
    transactionHash: hashOf(n),
    contract: addressOf(n % 2),
    seenAtMs: atMs + 100,
    matchedAtMs: atMs + 105,
    ...change,
  });
}

function attemptOf(delivery: Delivery, attempt: number, change: Partial<Attempt> = {}): Attempt {
  return sampleAttempt({
    attemptId: `att_${delivery.webhookId.slice(4)}${attempt}`,
    webhookId: delivery.webhookId,
    endpointId: delivery.endpointId,
    applicationId: delivery.applicationId,
    userId: delivery.userId,
    chainId: delivery.chainId,
    attempt,
    startedAtMs: delivery.matchedAtMs + attempt * 1_000,
    ...change,
  });
}

/** Five deliveries: 1 delivered, 2 delivered after a failure, 3 and 4 failed, 5 without an attempt. */
async function history() {
  const user = await world.newUser();
  const { id: endpointId } = await user.newEndpoint();
  const deliveries = [1, 2, 3, 4, 5].map((n) => deliveryOf(user, endpointId, n));
  const [first, second, third, fourth] = deliveries as [Delivery, Delivery, Delivery, Delivery];
  const failed: Partial<Attempt> = {
    outcome: "failed",
    statusCode: 503,
    responseBody: "busy",
    nextAttemptAtMs: startMs,
  };
  const silent: Partial<Attempt> = { outcome: "timeout", statusCode: null, error: "TIMEOUT" };
  const attempts = [
    attemptOf(first, 1),
    attemptOf(second, 1, failed),
    attemptOf(second, 2),
    attemptOf(third, 1, failed),
    attemptOf(fourth, 1, silent),
  ];
  await producer.send([
    ...deliveries.map((delivery) => toRecord(topology.deliveries, delivery)),
    ...attempts.map((attempt) => toRecord(topology.attempts, attempt)),
  ]);
  const search = async (path: string) => (await user.ask("GET", path)).body;
  await until(
    "all of it in ClickHouse",
    async () => [(await search("/v1/deliveries")).items.length, (await search("/v1/attempts")).items.length],
    ([found, tried]) => found === 5 && tried === 5,
    30_000,
  );
  return { user, endpointId, search };
}

let made: Awaited<ReturnType<typeof history>>;
const ids = (page: Json): number[] =>
  page.items.map((item: Json) => Number.parseInt(item.webhookId.slice(4), 16));

test("webhooks are found newest first, each with what became of it", async () => {
  made = await history();
  const page = await made.search("/v1/deliveries");
  expect(ids(page)).toEqual([5, 4, 3, 2, 1]);
  expect(page.items.map((item: Json) => [item.status, item.attempts, item.lastStatusCode])).toEqual([
    ["pending", 0, null],
    ["failed", 1, null],
    ["failed", 1, 503],
    ["delivered", 2, 200],
    ["delivered", 1, 200],
  ]);
  expect(page.items[4]).toMatchObject({
    webhookId: webhookId(1),
    endpointId: made.endpointId,
    chainId: 1,
    blockNumber: 101,
    blockTime: new Date(startMs + minuteMs).toISOString(),
    transactionHash: hashOf(1),
    contract: addressOf(1),
    why: "address",
    matchedAt: new Date(startMs + minuteMs + 105).toISOString(),
  });
});

test.each<[string, number[]]>([
  ["status=failed", [4, 3]],
  ["status=pending", [5]],
  ["status=delivered&limit=1", [2]],
  [`contract=${addressOf(0).toUpperCase().replace("0X", "0x")}`, [4, 2]],
  [`transactionHash=${hashOf(3)}`, [3]],
  ["blockNumber=104", [4]],
  [`webhookId=${webhookId(2)}`, [2]],
  [
    `since=${new Date(startMs + 2 * minuteMs).toISOString()}&until=${new Date(startMs + 4 * minuteMs).toISOString()}`,
    [3, 2],
  ],
  ["chainId=10", []],
])("a search by %s finds what it names", async (query, expected) => {
  expect(ids(await made.search(`/v1/deliveries?${query}`))).toEqual(expected);
});

test("pages of webhooks and of attempts visit each once", async () => {
  for (const [path, count] of [
    ["/v1/deliveries", 5],
    ["/v1/attempts", 5],
  ] as const) {
    const seen: unknown[] = [];
    let after = "";
    do {
      const page = await made.search(`${path}?limit=2${after}`);
      seen.push(...page.items.map((item: Json) => item.attemptId ?? item.webhookId));
      after = page.next === null ? "" : `&after=${encodeURIComponent(page.next)}`;
    } while (after !== "");
    expect([seen.length, new Set(seen).size]).toEqual([count, count]);
  }
  const wrong = await made.user.ask("GET", "/v1/deliveries?after=nonsense");
  expect(wrong).toMatchObject({ status: 400, body: { error: { code: "INVALID_REQUEST" } } });
});

test("one webhook is shown with its body, all attempts in order, and what it waits for", async () => {
  const insert = `INSERT INTO parked_deliveries
    (webhook_id, replay, endpoint_id, application_id, user_id, partition, position, reason, due_at, attempts_made, payload)
    VALUES ($1, false, $2, $3, $4, 0, 1, 'retry', now() + interval '1 hour', 1, '{}')`;
  const { user, endpointId, search } = made;
  await database.query(insert, [webhookId(3), endpointId, user.application, user.id]);
  const third = await search(`/v1/deliveries/${webhookId(3)}`);
  expect(third).toMatchObject({
    delivery: { status: "failed" },
    body: '{"type":"log.new"}',
    attempts: [{ outcome: "failed", statusCode: 503, error: null, responseBody: "busy" }],
    parked: { reason: "retry", attemptsMade: 1 },
  });
  const second = await search(`/v1/deliveries/${webhookId(2)}`);
  expect(second.attempts.map((attempt: Json) => attempt.outcome)).toEqual(["failed", "delivered"]);
  expect(second.parked).toBeNull();
  const fourth = await search(`/v1/deliveries/${webhookId(4)}`);
  expect(fourth.attempts).toMatchObject([{ outcome: "timeout", statusCode: null, error: "TIMEOUT" }]);
});

test("what is parked is listed, made due now, and given up", async () => {
  const { user, endpointId } = made;
  const path = `/v1/endpoints/${endpointId}/parked`;
  const listed = (await user.ask("GET", path)).body;
  expect(listed).toMatchObject({ items: [{ webhookId: webhookId(3), reason: "retry" }], total: 1 });
  expect(Date.parse(listed.items[0].dueAt)).toBeGreaterThan(Date.now());
  expect((await user.ask("POST", `${path}/retry`, { webhookId: webhookId(3) })).body).toEqual({ count: 1 });
  const due = (await user.ask("GET", path)).body.items[0].dueAt;
  expect(Date.parse(due)).toBeLessThanOrEqual(Date.now() + 1_000);
  expect((await user.ask("POST", `${path}/cancel`)).body).toEqual({ count: 1 });
  expect((await user.ask("GET", path)).body).toEqual({ items: [], total: 0 });
});

/** Lets ClickHouse compute every hour, as if the last record had come a minute ago. */
async function computeHours(): Promise<void> {
  const db = createClient({ url: engines.clickhouse?.url ?? "", database: "ethhook" });
  for (const [kind, rows, time] of [
    ["attempt", "attempts", "started_at"],
    ["webhook", "deliveries", "block_time"],
  ]) {
    await db.command({ query: `TRUNCATE TABLE ${kind}_hours` });
    await db.command({
      query: `INSERT INTO ${kind}_hours (user_id, hour, touched_at)
        SELECT DISTINCT user_id, toStartOfHour(${time}), now64(3) - INTERVAL 1 MINUTE FROM ${rows}`,
    });
    await db.command({ query: `SYSTEM REFRESH VIEW ${kind}_statistics_refresh` });
    await until(
      "computed hours",
      async () =>
        (await db.query({ query: `SELECT 1 FROM open_${kind}_hours`, format: "JSONEachRow" })).json(),
      (open) => open.length === 0,
    );
  }
  await db.close();
}

test("statistics count what was sent by the hour, with latency, and may be narrowed", async () => {
  const { search, endpointId } = made;
  const all = await search("/v1/statistics");
  expect(all.total).toMatchObject({ webhooks: 5, removals: 0, attempts: 5, delivered: 2, failed: 3 });
  expect(all.total.latencyMs.p50).toBeGreaterThan(9);
  expect(all.total.latencyMs.p99).toBeLessThan(11);
  const summed = all.hours.reduce((total: number, hour: Json) => total + hour.attempts, 0);
  expect(summed).toBe(5);
  expect((await search(`/v1/statistics?endpointId=${endpointId}&chainId=1`)).total).toEqual(all.total);
  expect((await search("/v1/statistics?chainId=10")).hours).toEqual([]);
  await computeHours();
  expect((await search("/v1/statistics")).hours).toEqual(all.hours);
  // Of computed hours there are rows of each endpoint and chain, and of the user: none is counted twice.
  for (const narrowed of [`endpointId=${endpointId}`, "chainId=1", `endpointId=${endpointId}&chainId=1`]) {
    expect((await search(`/v1/statistics?${narrowed}`)).total).toEqual(all.total);
  }
  expect((await search("/v1/statistics?chainId=10")).hours).toEqual([]);
  const long = await made.user.ask("GET", "/v1/statistics?since=2020-01-01T00:00:00Z");
  expect(long).toMatchObject({ status: 400, body: { error: { code: "INVALID_REQUEST" } } });
});

test("an hour of long ago that a new endpoint is told of shows all of its webhooks, also before it is computed again", async () => {
  const user = await world.newUser();
  const [{ id: before }, { id: later }] = [await user.newEndpoint(), await user.newEndpoint()];
  const hourSeconds = Math.floor(startMs / 3_600_000) * 3_600 - 40 * 86_400;
  const tell = (endpointId: string, webhooks: number) =>
    producer.send(
      Array.from({ length: webhooks }, (_, n) =>
        toRecord(
          topology.deliveries,
          deliveryOf(user, endpointId, n, {
            webhookId: `msg_${endpointId}${n}`,
            blockTimestamp: hourSeconds + n,
          }),
        ),
      ),
    );
  const of = async (narrowed = ""): Promise<number> => {
    const period = `since=${new Date((hourSeconds - 3_600) * 1_000).toISOString()}&until=${new Date((hourSeconds + 3_600) * 1_000).toISOString()}`;
    return (await user.ask("GET", `/v1/statistics?${period}${narrowed}`)).body.total.webhooks;
  };
  await tell(before, 6);
  await until("the first webhooks", of, (found) => found === 6, 30_000);
  await computeHours();
  const db = createClient({ url: engines.clickhouse?.url ?? "", database: "ethhook" });
  // As the retention does it.
  const expire = `ALTER TABLE deliveries DELETE WHERE user_id = '${user.id}' SETTINGS mutations_sync = 1`;
  await db.command({ query: expire });
  await db.close();
  expect(await of()).toBe(6);
  await tell(later, 4);
  await until(
    "the new endpoint's",
    () => of(`&endpointId=${later}`),
    (found) => found === 4,
    30_000,
  );
  expect([await of(), await of(`&endpointId=${before}`), await of("&chainId=1")]).toEqual([10, 6, 10]);
  await computeHours();
  expect([await of(), await of(`&endpointId=${before}`), await of("&chainId=1")]).toEqual([10, 6, 10]);
});

test("rows that stand twice, as after a redelivery, are shown and counted once", async () => {
  const { search } = made;
  const ask = () =>
    Promise.all(
      ["/v1/deliveries?limit=3", "/v1/attempts?limit=3", `/v1/deliveries/${webhookId(2)}`].map(search),
    );
  const before = await ask();
  const db = createClient({ url: engines.clickhouse?.url ?? "", database: "ethhook" });
  // A replay's record is of less weight than the match that it repeats: whatever it says otherwise, the match is shown.
  const again = { attempts: "*", deliveries: "* REPLACE (0 AS precedence, 'again' AS why)" };
  for (const [table, columns] of Object.entries(again)) {
    await db.command({ query: `SYSTEM STOP MERGES ${table}` });
    await db.command({ query: `INSERT INTO ${table} SELECT ${columns} FROM ${table}` });
  }
  expect(await ask()).toEqual(before);
  // Full pages, too, begin with the same webhooks.
  for (const limit of [1, 2]) {
    const { items } = await search(`/v1/deliveries?limit=${limit}`);
    expect(items).toEqual(before[0].items.slice(0, limit));
  }
  for (const table of ["attempts", "deliveries"]) await db.command({ query: `SYSTEM START MERGES ${table}` });
  await db.close();
});

test("an endpoint in trouble shows since when, why, and what waits for it", async () => {
  const { user, endpointId, search } = made;
  const path = `/v1/endpoints/${endpointId}/health`;
  expect(await search(path)).toMatchObject({ status: "enabled", failingSince: null, failures: 0, parked: 0 });
  await database.query(
    `INSERT INTO endpoint_health (endpoint_id, partition, failing_since, failures, open_until, last_error)
     VALUES ($1, 0, '2026-05-01T00:00:00Z', 7, now() + interval '1 minute', '503')`,
    [endpointId],
  );
  const health = await search(path);
  expect(health).toMatchObject({ failingSince: "2026-05-01T00:00:00.000Z", failures: 7, lastError: "503" });
  expect(Date.parse(health.openUntil)).toBeGreaterThan(Date.now());
  expect((await user.ask("GET", "/v1/endpoints/ep_000000000000000000000000/health")).status).toBe(404);
});

test("a test event goes through the queue as a delivery of that endpoint", async () => {
  const { user, endpointId } = made;
  const sent = await user.ask("POST", `/v1/endpoints/${endpointId}/test`);
  expect(sent.status).toBe(202);
  const found = await until(
    "the test in ClickHouse",
    async () => (await user.ask("GET", `/v1/deliveries/${sent.body.webhookId}`)).body,
    (body) => body.error === undefined,
    30_000,
  );
  expect(found.delivery).toMatchObject({ endpointId, why: "a test that was asked for", status: "pending" });
  expect(JSON.parse(found.body)).toMatchObject({ type: "webhook.test", data: { endpointId } });
});

test("another user finds nothing of it and can do nothing about it", async () => {
  const other = await world.newUser();
  expect((await other.ask("GET", "/v1/deliveries")).body.items).toEqual([]);
  expect((await other.ask("GET", "/v1/attempts")).body.items).toEqual([]);
  expect((await other.ask("GET", `/v1/deliveries/${webhookId(1)}`)).status).toBe(404);
  for (const path of ["parked/retry", "parked/cancel", "test"]) {
    expect((await other.ask("POST", `/v1/endpoints/${made.endpointId}/${path}`)).status).toBe(404);
  }
});

test("without ClickHouse the past is unavailable, and endpoints still work", async () => {
  const { user, endpointId } = made;
  await engines.clickhouse?.stop();
  expect(await user.ask("GET", "/v1/deliveries")).toMatchObject({
    status: 503,
    body: { error: { code: "UNAVAILABLE" } },
  });
  expect((await user.ask("GET", `/v1/endpoints/${endpointId}`)).status).toBe(200);
});
