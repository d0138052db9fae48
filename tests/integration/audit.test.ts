import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { createClient, type ClickHouseClient } from "@clickhouse/client";
import { startClickHouse, type ClickHouseEngine } from "@ethhook/infra";
import { logsDigest, type Log } from "@ethhook/schemas";
import { migrateClickHouse } from "@ethhook/scripts/migrate";
import { applyTopology } from "@ethhook/scripts/topology";
import { builtInChains, createTopology, toRecord } from "@ethhook/topology";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand } from "../support/command.ts";
import { startDeliveryStage, type DeliveryStage } from "../support/delivery-stage.ts";
import { addressOf, hashOf, sampleBlock, sampleLog } from "../support/messages.ts";
import { startServiceProcess, type ServiceProcess } from "../support/service-process.ts";
import { startTestReceiver, status, type TestReceiver } from "../support/test-receiver.ts";
import { until } from "../support/until.ts";

const topology = createTopology(builtInChains);
const chainId = 8453;
const contract = addressOf(0xa0);
let stage: DeliveryStage;
let receiver: TestReceiver;
let clickhouse: ClickHouseEngine;
let db: ClickHouseClient;
let matcher: ServiceProcess;
let delivery: ServiceProcess;
let endpointId: string;
let sequence = 0;

beforeAll(async () => {
  [stage, receiver, clickhouse] = await Promise.all([
    startDeliveryStage(),
    startTestReceiver(),
    startClickHouse(),
  ]);
  const admin = stage.kafka.admin();
  await applyTopology(admin, topology);
  await admin.close();
  const brokers = [stage.env["KAFKA_BROKERS"] ?? ""];
  await migrateClickHouse({ url: clickhouse.url, database: "ethhook", brokers, chains: builtInChains });
  db = createClient({ url: clickhouse.url, database: "ethhook" });
  const endpoint = await stage.endpoint(`${receiver.url}/audited`, { retryScheduleSeconds: [0, 3_600] });
  endpointId = endpoint.id;
  await stage.db.query(
    "SELECT append_filter_version(id, application_id, user_id, $2) FROM endpoints WHERE id = $1",
    [
      endpointId,
      JSON.stringify({
        filter: { chains: ["base"], addresses: [contract] },
        finality: "latest",
        format: "standard",
        sendRemoved: true,
      }),
    ],
  );
  delivery = await stage.deliveryProcess();
  matcher = await startServiceProcess("matcher", { ...stage.env });
});
afterAll(async () => {
  await matcher?.stop(2_000);
  await db?.close();
  await stage?.stop();
  await Promise.all([clickhouse?.stop(), receiver?.stop()]);
});

interface Report {
  readonly window: { readonly blocks: number; readonly removed: number };
  readonly logs: { readonly counted: number; readonly found: number };
  readonly webhooks: Readonly<Record<string, number>>;
  readonly clickhouse: string;
  readonly problems: readonly { readonly code: string; readonly at: string; readonly detail: string }[];
}

async function audit(...args: readonly string[]): Promise<Report & { readonly code: number | null }> {
  const env = { ...stage.env, CLICKHOUSE_URL: clickhouse.url };
  const { code, stdout, stderr } = await runCommand("audit", ["--json", "--chain", "base", ...args], env);
  expect(stderr).toBe("");
  return { ...(JSON.parse(stdout) as Report), code };
}
/** The window of one block. */
const only = (number: number) => ["--no-clickhouse", "--from", `block:${number}`, "--to", `block:${number}`];

/** Publishes the next block: three logs, two of the watched contract, and its ledger record. `lose` leaves one log out. */
async function publish(lose?: number): Promise<readonly Log[]> {
  sequence += 1;
  const at = { chainId, blockNumber: sequence, blockHash: hashOf(sequence), sequence };
  const logs = [contract, addressOf(0xb0), contract].map((address, logIndex) =>
    sampleLog({ ...at, address, logIndex }),
  );
  const producer = stage.kafka.producer();
  await producer.start();
  const block = {
    chainId,
    number: sequence,
    sequence,
    hash: hashOf(sequence),
    parentHash: hashOf(sequence - 1),
  };
  await producer.send([
    ...logs
      .filter(({ logIndex }) => logIndex !== lose)
      .map((log) => toRecord(topology.logs.of(chainId), log)),
    toRecord(topology.blocks, sampleBlock({ ...block, logCount: 3, digest: logsDigest(logs) })),
  ]);
  await producer.stop();
  return logs;
}
const postsOf = (count: number) =>
  until(
    "the webhooks",
    async () => new Set(receiver.idsOf()).size,
    (n) => n >= count,
  );

/** Moves a stopped group to the end of a topic: its next records are never read. */
async function skip(group: string, topic: string): Promise<void> {
  const admin = stage.kafka.admin();
  const bounds = await admin.bounds(topic);
  await admin.setOffsets(
    group,
    topic,
    bounds.map(({ partition, end }) => ({ partition, offset: end })),
  );
  await admin.close();
}
/** The audit once nothing is pending any more. */
const settled = (...args: readonly string[]) =>
  until(
    "nothing pending",
    () => audit(...args),
    ({ webhooks }) => webhooks["pending"] === 0,
  );

test("a window in which every log was told is proven, from the topics and from ClickHouse", async () => {
  for (let n = 0; n < 5; n++) await publish();
  await postsOf(10);
  // ClickHouse is asked too, and has the logs within a second or so.
  const report = await until("nothing pending anywhere", audit, ({ code, webhooks }) => {
    return code === 0 && webhooks["pending"] === 0;
  });
  expect(report).toMatchObject({
    code: 0,
    clickhouse: "has every log",
    window: { blocks: 5, removed: 0 },
    logs: { counted: 15, found: 15 },
    webhooks: { expected: 10, delivered: 10, lost: 0 },
    problems: [],
  });
  const byClickHouse = await until(
    "ClickHouse",
    () => audit("--evidence", "clickhouse"),
    ({ code }) => code === 0,
  );
  expect(byClickHouse).toMatchObject({
    logs: { found: 15 },
    webhooks: { delivered: 10 },
    clickhouse: "is the evidence",
  });
});

test("a log that was never written is named by block and index", async () => {
  await publish(1);
  const report = await audit(...only(sequence));
  expect(report.code).toBe(2);
  expect(report.problems).toContainEqual({
    code: "LOGS_MISSING",
    at: `block ${sequence} (sequence ${sequence})`,
    detail: "2 of 3 logs; missing log index 1",
  });
});

test("offsets that a matcher skipped are named by the webhooks that were not made", async () => {
  await matcher.stop();
  const logs = await publish();
  await skip("matcher.latest", topology.logs.of(chainId).name);
  matcher = await startServiceProcess("matcher", { ...stage.env });
  const report = await audit(...only(sequence));
  expect(report.code).toBe(2);
  expect(report.problems.map(({ code }) => code)).toEqual(["MATCH_MISSING", "MATCH_MISSING"]);
  expect(report.problems[0]?.at).toContain(`for ${endpointId}, sequence ${logs[0]?.sequence}`);
});

test("webhooks that delivery skipped are named by their place", async () => {
  await delivery.stop();
  await publish();
  const made = async () =>
    (await stage.kafka.admin().bounds("deliveries")).reduce((sum, { end }) => sum + end, 0);
  const before = await made();
  await until("the matches", made, (n) => n >= before && n >= 14);
  await skip("delivery", "deliveries");
  delivery = await stage.deliveryProcess();
  const report = await audit(...only(sequence));
  expect(report.code).toBe(2);
  expect(report.problems.map(({ code }) => code)).toEqual(["NEVER_ATTEMPTED", "NEVER_ATTEMPTED"]);
  expect(report.problems[0]?.detail).toMatch(/^deliveries:\d+@\d+: behind/);
});

test("a webhook that waits is pending; when its row is lost, it is named", async () => {
  receiver.answer("/audited", status(500));
  await publish();
  await until(
    "two parked",
    () => stage.parkedRows(),
    (n) => n === 2,
  );
  expect(await audit(...only(sequence))).toMatchObject({ code: 0, webhooks: { pending: 2, lost: 0 } });
  await stage.db.query("DELETE FROM parked_deliveries");
  const report = await settled(...only(sequence));
  expect(report.code).toBe(2);
  expect(report.problems.map(({ code }) => code)).toEqual(["NOT_DELIVERED", "NOT_DELIVERED"]);
  receiver.answer("/audited", status(200));
});

test("an attempt and a log that ClickHouse lost are named", async () => {
  const logs = await publish();
  await settled(...only(sequence));
  const where = `chain_id = ${chainId} AND block_number = ${sequence}`;
  await until(
    "the log in ClickHouse",
    () => count(`SELECT count() AS n FROM logs FINAL WHERE ${where}`),
    (n) => n === 3,
  );
  await until(
    "the attempts in ClickHouse",
    () => count(`SELECT count() AS n FROM attempts WHERE event_id LIKE '%${hashOf(sequence)}%'`),
    (n) => n === 2,
  );
  await db.command({ query: `DELETE FROM logs WHERE ${where} AND log_index = 1` });
  await db.command({
    query: `DELETE FROM attempts WHERE block_hash = unhex('${hashOf(sequence).slice(2)}') AND log_index = 2`,
  });
  const report = await audit("--evidence", "clickhouse", ...only(sequence));
  expect(report.code).toBe(2);
  expect(report.problems.map(({ code }) => code).toSorted()).toEqual(["LOGS_MISSING", "NEVER_ATTEMPTED"]);
  expect(logs).toHaveLength(3);
});

test("a block that a reorg took back is told of to whom its log was told, and is whole", async () => {
  const logs = await publish();
  await settled(...only(sequence));
  const gone = sequence;
  sequence += 1;
  const producer = stage.kafka.producer();
  await producer.start();
  const removed = { kind: "removed" as const, sequence, addedSequence: gone };
  await producer.send([
    ...logs.map((log) => toRecord(topology.logs.of(chainId), { ...log, ...removed })),
    toRecord(
      topology.blocks,
      sampleBlock({
        chainId,
        ...removed,
        number: gone,
        hash: hashOf(gone),
        parentHash: hashOf(gone - 1),
        logCount: 3,
        digest: logsDigest(logs),
      }),
    ),
  ]);
  await producer.stop();
  const report = await until(
    "the removals",
    () => audit(...only(gone)),
    ({ webhooks }) => webhooks["delivered"] === 4,
  );
  expect(report).toMatchObject({
    code: 0,
    window: { blocks: 1, removed: 1 },
    logs: { counted: 6, found: 6 },
  });
});

test("a provider that has other logs of a block is a difference", async () => {
  const logs = await publish();
  const provider = await startProvider(logs);
  expect(await audit(...only(sequence), "--rpc", provider.url)).toMatchObject({ code: 0, rpcBlocks: 1 });
  provider.set(logs.slice(1));
  const report = await audit(...only(sequence), "--rpc", provider.url);
  expect(report.problems).toEqual([
    {
      code: "RPC_DIFFERS",
      at: `block ${sequence} (sequence ${sequence})`,
      detail: "2 logs at the provider, 3 in the ledger",
    },
  ]);
  provider.server.close();
});

async function count(query: string): Promise<number> {
  const answer = await db.query({ query, format: "JSONEachRow" });
  return Number((await answer.json<{ n: number }>())[0]?.n);
}

/** A node that knows one block. */
async function startProvider(
  logs: readonly Log[],
): Promise<{ url: string; server: Server; set(now: readonly Log[]): void }> {
  let present = logs;
  const server = createServer((request, response) => {
    request.resume();
    request.on("end", () => {
      const result = [
        { logs: present.map((log) => ({ ...log, logIndex: `0x${log.logIndex.toString(16)}` })) },
      ];
      response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, result }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    set: (now) => {
      present = now;
    },
  };
}
