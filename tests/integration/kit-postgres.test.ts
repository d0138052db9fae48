import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startPostgres } from "@ethhook/infra";
import { createListener, createPostgres, inTransaction } from "@ethhook/kit/postgres";
import { afterAll, expect, test } from "vitest";
import { testLogger } from "../support/kafka-bench.ts";
import { until } from "../support/until.ts";

const dataDir = mkdtempSync(join(tmpdir(), "ethhook-kit-pg-"));
let engine = await startPostgres({ dataDir });
afterAll(async () => {
  await engine.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

test("a listener hears its channels in order, and has its owner read everything again after a lost connection", async () => {
  const pool = createPostgres({ url: engine.url, logger: testLogger });
  const heard: string[] = [];
  let syncs = 0;
  const listener = createListener({
    url: engine.url,
    channels: ["filters", "Odd Name"],
    logger: testLogger,
    onNotify: (channel, payload) => heard.push(`${channel}:${payload}`),
    onReconnect: async () => {
      syncs += 1;
      await Promise.resolve();
    },
  });
  await listener.start();
  expect([syncs, listener.connected()]).toEqual([1, true]);
  await pool.query("select pg_notify('filters', '1'), pg_notify('Odd Name', '2'), pg_notify('other', '3')");
  await until(
    "both",
    () => heard,
    (all) => all.length === 2,
  );
  expect(heard).toEqual(["filters:1", "Odd Name:2"]);

  await engine.stop();
  await until(
    "the loss is noticed",
    () => listener.connected(),
    (connected) => !connected,
  );
  engine = await startPostgres({ dataDir, port: engine.port });
  await until(
    "it listens again",
    () => listener.connected(),
    (connected) => connected,
    30_000,
  );
  expect(syncs).toBe(2);
  await pool.query("select pg_notify('filters', '4')");
  await until(
    "the new one",
    () => heard,
    (all) => all.length === 3,
  );
  await listener.stop();
  await pool.end();
});

test("a transaction commits whole or not at all, and its connection is used again", async () => {
  const pool = createPostgres({ url: engine.url, logger: testLogger, connectionsMax: 1 });
  await pool.query("create table if not exists kit_rows (n bigint)");
  await inTransaction(pool, (client) => client.query("insert into kit_rows values (9007199254740991)"));
  const failing = inTransaction(pool, async (client) => {
    await client.query("insert into kit_rows values (2)");
    throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
  expect((await pool.query("select n from kit_rows")).rows).toEqual([{ n: 9_007_199_254_740_991 }]);
  await expect(pool.query("select 9007199254740993::bigint as n")).rejects.toThrow("does not fit");
  expect((await pool.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  await pool.end();
});
