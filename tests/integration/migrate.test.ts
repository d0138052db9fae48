import { createClient, type ClickHouseClient } from "@clickhouse/client";
import {
  startClickHouse,
  startKafka,
  startPostgres,
  type ClickHouseEngine,
  type Engine,
  type KafkaEngine,
} from "@ethhook/infra";
import { readMigrations, statementsOf, type Migration } from "@ethhook/schemas/migrate";
import { migrateClickHouse, migratePostgres } from "@ethhook/scripts/migrate";
import { applyTopology } from "@ethhook/scripts/topology";
import { builtInChains, createTopology, toRecord, type Chain } from "@ethhook/topology";
import { afterAll, beforeAll, expect, test } from "vitest";
import { testKafka } from "../support/kafka.ts";
import { addressOf, sampleLog } from "../support/messages.ts";
import { until } from "../support/until.ts";

const polygon: Chain = {
  id: 137,
  name: "polygon",
  blockTimeMs: 2_000,
  confirmedDepth: 128,
  finality: { kind: "tag" },
  ledgerPartition: 4,
};
const withPolygon = [...builtInChains, polygon];
const topology = createTopology(withPolygon);
const database = "ethhook_migrate";
let kafka: KafkaEngine;
let clickhouse: ClickHouseEngine;
let postgres: Engine;
let db: ClickHouseClient;

beforeAll(async () => {
  [kafka, clickhouse, postgres] = await Promise.all([startKafka(), startClickHouse(), startPostgres()]);
  const admin = testKafka(kafka.url).admin();
  await applyTopology(admin, topology);
  await admin.close();
  db = createClient({ url: clickhouse.url, database });
});
afterAll(async () => {
  await db?.close();
  await Promise.all([kafka?.stop(), clickhouse?.stop(), postgres?.stop()]);
});

const migrate = (chains: readonly Chain[]) =>
  migrateClickHouse({ url: clickhouse.url, database, brokers: [kafka.url], chains });

async function count(query: string): Promise<number> {
  const answer = await db.query({ query, format: "JSONEachRow" });
  const [row] = await answer.json<{ n: number }>();
  return Number(row?.n);
}

test("processes that migrate Postgres together apply each step once", async () => {
  const reports = await Promise.all([1, 2, 3].map(() => migratePostgres(postgres.url)));
  const applied = reports.flatMap((report) => report.applied);
  expect(applied.length).toBeGreaterThan(0);
  expect(new Set(applied).size).toBe(applied.length);
  expect((await migratePostgres(postgres.url)).applied).toEqual([]);
});

test("processes that migrate ClickHouse together do each part once", async () => {
  const reports = await Promise.all([1, 2, 3].map(() => migrate(builtInChains)));
  expect(reports.flatMap(({ applied }) => applied)).toContain("0001-tables");
  const made = reports.flatMap(({ streams }) => streams);
  expect(new Set(made).size).toBe(made.length);
  expect(await migrate(builtInChains)).toEqual({ applied: [], streams: [], retention: [] });
});

test("Kafka tables that are made again under load lose no record", async () => {
  const producer = testKafka(kafka.url, topology).producer();
  await producer.start();
  let sent = 0;
  let writing = true;
  const load = (async () => {
    while (writing) {
      const batch = Array.from({ length: 50 }, (_, n) =>
        toRecord(
          topology.logs.of(n % 2 === 0 ? 1 : 8453),
          sampleLog({
            chainId: n % 2 === 0 ? 1 : 8453,
            blockNumber: sent,
            logIndex: n,
            address: addressOf(n),
          }),
        ),
      );
      await producer.send(batch);
      sent += batch.length;
    }
  })();
  try {
    for (const chains of [withPolygon, builtInChains, withPolygon, builtInChains, withPolygon]) {
      const before = sent;
      expect((await migrate(chains)).streams).toEqual(["logs"]);
      // Each time, records arrive before and after the change.
      await until(
        "load between changes",
        async () => sent,
        (now) => now > before + 500,
      );
    }
  } finally {
    writing = false;
    await load;
    await producer.stop();
  }
  const distinct = "SELECT uniqExact(chain_id, block_number, log_index) AS n FROM logs";
  expect(
    await until(
      "every record",
      () => count(distinct),
      (rows) => rows >= sent,
    ),
  ).toBe(sent);
  expect(await count("SELECT count() AS n FROM logs FINAL")).toBe(sent);
  expect(await count("SELECT count() AS n FROM ingest_errors")).toBe(0);
});

test("retention follows the configuration, from the arrival of a row", async () => {
  const target = { url: clickhouse.url, database, brokers: [kafka.url], chains: withPolygon };
  const shorter = await migrateClickHouse({ ...target, retention: { logsDays: 7, attemptsDays: 30 } });
  expect(shorter.retention).toEqual(["logs 7 days"]);
  expect((await migrate(withPolygon)).retention).toEqual(["logs 90 days"]);
});

test("a migrator that died with the lock is replaced", async () => {
  await db.command({
    query: "CREATE TABLE migrations_lock (nothing UInt8) ENGINE = Memory COMMENT 'someone'",
  });
  const waiting = migrate(withPolygon);
  // What its death leaves behind is a lock that grows old; here the operator does what the sentence says.
  await db.command({ query: "DROP TABLE migrations_lock" });
  expect(await waiting).toEqual({ applied: [], streams: [], retention: [] });
});

test("every step may run again after all of them, as when only the note of it was lost", async () => {
  await db.command({ query: "TRUNCATE TABLE migrations" });
  const shape = async () =>
    (
      await db.query({
        query: `SELECT table, name, type, default_kind, default_expression FROM system.columns
          WHERE database = '${database}' ORDER BY table, position`,
        format: "JSONEachRow",
      })
    ).json();
  const before = await shape();
  expect((await migrate(withPolygon)).applied).toEqual(readMigrations("clickhouse").map(({ name }) => name));
  expect(await shape()).toEqual(before);
});

test("a database of the first version keeps its times and statistics, also when a step runs twice", async () => {
  const old = { url: clickhouse.url, database: "ethhook_old" };
  await db.command({ query: "CREATE DATABASE ethhook_old" });
  const oldDb = createClient(old);
  const run = async (migration: Migration): Promise<void> => {
    for (const query of statementsOf(migration.sql)) await oldDb.command({ query });
  };
  const rows = async (query: string): Promise<unknown[]> =>
    (await oldDb.query({ query, format: "JSONEachRow" })).json();
  try {
    const all = readMigrations("clickhouse");
    for (const migration of all.filter(({ number }) => number <= 3)) await run(migration);
    await oldDb.command({
      query: `INSERT INTO attempts (user_id, started_at, attempt_id, webhook_id, endpoint_id, chain_id, outcome, attempt, total_ms, e2e_ms)
        SELECT 'usr_a', toDateTime64('2026-11-01 00:00:00', 3, 'UTC') + number * 60, concat('att_', toString(number)), concat('msg_', toString(number)),
          if(number % 2 = 0, 'ep_even', 'ep_odd'), 1 + number % 3, if(number % 5 = 0, 'failed', 'delivered'), 1, 2.25,
          if(number % 4 = 0, NULL, 12.25 + number) FROM numbers(300)`,
    });
    const perEndpoint = "SELECT *, now64(3) AS computed_at FROM hourly_attempts";
    await oldDb.command({ query: `INSERT INTO attempt_stats ${perEndpoint}` });
    const times = "SELECT attempt_id, e2e_ms FROM attempts ORDER BY attempt_id";
    const figures = `SELECT endpoint_id, chain_id, hour, attempts, delivered, failed, total_ms_sum, e2e_ms_histogram
      FROM user_attempts(user_id = 'usr_a', since = '2026-11-01 00:00:00', until = '2026-11-02 00:00:00') ORDER BY ALL`;
    const before = [await rows(times), await rows(figures)];
    for (const migration of all.filter(({ number }) => number > 3)) await run(migration);
    await run(all.find(({ number }) => number === 5)!);
    expect([await rows(times), await rows(figures)]).toEqual(before);
    // Rows of a user without an endpoint are the sums of the others.
    const sums = (of: string) =>
      rows(`SELECT hour, sum(attempts) AS attempts, sum(delivered) AS delivered, sumMap(e2e_ms_histogram) AS e2e
        FROM attempt_statistics FINAL WHERE endpoint_id ${of} '' GROUP BY hour ORDER BY hour`);
    expect(await sums("=")).toHaveLength(5);
    expect(await sums("=")).toEqual(await sums("!="));
  } finally {
    await oldDb.command({ query: "DROP DATABASE ethhook_old SYNC" });
    await oldDb.close();
  }
});
