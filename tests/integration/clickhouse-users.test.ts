import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClickHouseLogLevel, createClient } from "@clickhouse/client";
import {
  startClickHouse,
  startKafka,
  startPostgres,
  type ClickHouseEngine,
  type Engine,
  type KafkaEngine,
} from "@ethhook/infra";
import { migrateClickHouse, migratePostgres } from "@ethhook/scripts/migrate";
import { applyTopology } from "@ethhook/scripts/topology";
import { builtInChains, createTopology, toRecord } from "@ethhook/topology";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startApiUnderTest } from "../support/api-under-test.ts";
import { layServerFiles } from "../support/clickhouse-server-files.ts";
import { testKafka } from "../support/kafka.ts";
import { sampleAttempt } from "../support/messages.ts";
import { until } from "../support/until.ts";

// The files of infra/clickhouse as a server with users reads them: compose.yaml mounts the same ones.
const topology = createTopology(builtInChains);
const database = "ethhook";
let folder = "";
let kafka: KafkaEngine;
let postgres: Engine;
let clickhouse: ClickHouseEngine;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "ethhook-server-"));
  [kafka, postgres] = await Promise.all([startKafka(), startPostgres()]);
  const env = { KAFKA_BROKERS: kafka.url, CLICKHOUSE_READER_PASSWORD: "reads" };
  clickhouse = await startClickHouse({ configFile: await layServerFiles(folder), env });
  const admin = testKafka(kafka.url).admin();
  await applyTopology(admin, topology);
  await admin.close();
});
afterAll(async () => {
  await Promise.all([kafka?.stop(), postgres?.stop(), clickhouse?.stop()]);
  if (folder !== "") await rm(folder, { recursive: true, force: true });
});

const urlOf = (user: string, password: string) => clickhouse.url.replace("//", `//${user}:${password}@`);
const migrateAs = (user: string, password: string) =>
  migrateClickHouse({
    url: urlOf(user, password),
    database,
    // Nobody answers there: the brokers are those of the collection.
    brokers: ["127.0.0.1:1"],
    namedCollection: "ethhook_kafka",
    chains: builtInChains,
  });

async function asReader(query: string): Promise<unknown[]> {
  const log = { level: ClickHouseLogLevel.OFF } as const;
  await using db = createClient({ url: urlOf("ethhook_reader", "reads"), database, log });
  return (await db.query({ query, format: "JSONEachRow" })).json();
}

test("a user that may not use named collections is told which right is missing", async () => {
  await expect(migrateAs("plain", "migrates-too")).rejects.toThrow(/grant NAMED COLLECTION ON ethhook_kafka/);
});

test("tables over the named collection read its brokers, and the API reads them as a user that may only read", async () => {
  await migrateAs("ethhook", "migrates");
  await migratePostgres(postgres.url);
  await using started = new AsyncDisposableStack();
  const api = await startApiUnderTest({
    postgresUrl: postgres.url,
    clickhouseUrl: urlOf("ethhook_reader", "reads"),
    clickhouseDatabase: database,
    brokers: [kafka.url],
  });
  started.defer(() => api.api.stop(1_000));
  const user = await api.newUser();
  const startedAtMs = Date.now();
  const attempt = sampleAttempt({ userId: user.id, applicationId: user.application, startedAtMs });
  const producer = testKafka(kafka.url, topology).producer();
  await producer.start();
  started.defer(() => producer.stop());
  await producer.send([toRecord(topology.attempts, attempt)]);
  const statistics = await until(
    "the attempt in the statistics",
    () => user.ask("GET", "/v1/statistics"),
    ({ status, body }) => status !== 200 || body.total.attempts === 1,
  );
  expect(statistics).toMatchObject({ status: 200, body: { total: { attempts: 1 } } });
  const found = await user.ask("GET", "/v1/attempts");
  expect(found).toMatchObject({ status: 200, body: { items: [{ attemptId: attempt.attemptId }] } });
  expect(await user.ask("GET", "/v1/deliveries")).toMatchObject({ status: 200, body: { items: [] } });
});

test.each([
  ["write", `INSERT INTO attempts (attempt_id) VALUES ('att_x')`, /grant INSERT/],
  ["drop", "DROP TABLE attempts", /grant DROP TABLE/],
  ["see who else there is", "SELECT name FROM system.users", /grant SELECT/],
  ["give itself more time", "SELECT 1 SETTINGS max_execution_time = 31", /shouldn't be greater than 30/],
  ["lift its own bounds", "SELECT 1 SETTINGS readonly = 0", /Cannot modify 'readonly'/],
])("the reader cannot %s", async (_, query, refusal) => {
  await expect(asReader(query)).rejects.toThrow(refusal);
});
