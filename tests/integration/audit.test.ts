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
import { startReceiptsProvider } from "../support/receipts-provider.ts";
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
/** Of the newest ledger record; the hash of each standing block by its number, which is another one. */
let sequence = 0;
const hashes = [hashOf(0)];
/** Blocks that stand on a final one. */
const finalityDepth = 2;

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
/** Of the newest block. */
const newest = (): number => hashes.length - 1;
/** The window of one block. */
const only = (block: number) => ["--no-clickhouse", "--from", `block:${block}`, "--to", `block:${block}`];

/**
 * Publishes the next block: three logs, two of the watched contract, its ledger record, and that an older block is final.
 * `lose` leaves one log out.
 */
async function publish(lose?: number): Promise<readonly Log[]> {
  sequence += 1;
  const [number, hash, parentHash] = [hashes.length, hashOf(sequence), hashes.at(-1)!];
  hashes.push(hash);
  const at = { chainId, blockNumber: number, blockHash: hash, sequence };
  const logs = [contract, addressOf(0xb0), contract].map((address, logIndex) =>
    sampleLog({ ...at, address, logIndex }),
  );
  const producer = stage.kafka.producer();
  await producer.start();
  const block = { chainId, number, sequence, hash, parentHash };
  await producer.send([
    ...logs
      .filter(({ logIndex }) => logIndex !== lose)
      .map((log) => toRecord(topology.logs.of(chainId), log)),
    toRecord(topology.blocks, sampleBlock({ ...block, logCount: 3, digest: logsDigest(logs) })),
  ]);
  if (number > finalityDepth) {
    sequence += 1;
    const final = number - finalityDepth;
    const record = { chainId, kind: "finalized" as const, number: final, hash: hashes[final]!, sequence };
    await producer.send([toRecord(topology.blocks, sampleBlock({ ...record, logCount: 0 }))]);
  }
  await producer.stop();
  return logs;
}
const sequenceOf = (logs: readonly Log[]): number => logs[0]!.sequence;
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
  const logs = await publish(1);
  const report = await audit(...only(newest()));
  expect(report.code).toBe(2);
  expect(report.problems).toContainEqual({
    code: "LOGS_MISSING",
    at: `block ${newest()} (sequence ${sequenceOf(logs)})`,
    detail: "2 of 3 logs; missing log index 1",
  });
});

test("offsets that a matcher skipped are named by the webhooks that were not made", async () => {
  await matcher.stop();
  const logs = await publish();
  await skip("matcher.latest", topology.logs.of(chainId).name);
  matcher = await startServiceProcess("matcher", { ...stage.env });
  const report = await audit(...only(newest()));
  expect(report.code).toBe(2);
  expect(report.problems.map(({ code }) => code)).toEqual(["MATCH_MISSING", "MATCH_MISSING"]);
  expect(report.problems[0]?.at).toContain(`for ${endpointId}, sequence ${sequenceOf(logs)}`);
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
  const report = await audit(...only(newest()));
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
  expect(await audit(...only(newest()))).toMatchObject({ code: 0, webhooks: { pending: 2, lost: 0 } });
  await stage.db.query("DELETE FROM parked_deliveries");
  const report = await settled(...only(newest()));
  expect(report.code).toBe(2);
  expect(report.problems.map(({ code }) => code)).toEqual(["NOT_DELIVERED", "NOT_DELIVERED"]);
  receiver.answer("/audited", status(200));
});

test("an attempt and a log that ClickHouse lost are named", async () => {
  const logs = await publish();
  await settled(...only(newest()));
  const where = `chain_id = ${chainId} AND block_number = ${newest()}`;
  await until(
    "the log in ClickHouse",
    () => count(`SELECT count() AS n FROM logs FINAL WHERE ${where}`),
    (n) => n === 3,
  );
  await until(
    "the attempts in ClickHouse",
    () => count(`SELECT count() AS n FROM attempts WHERE event_id LIKE '%${hashes.at(-1)}%'`),
    (n) => n === 2,
  );
  await db.command({ query: `DELETE FROM logs WHERE ${where} AND log_index = 1` });
  await db.command({
    query: `DELETE FROM attempts WHERE block_hash = unhex('${hashes.at(-1)!.slice(2)}') AND log_index = 2`,
  });
  const report = await audit("--evidence", "clickhouse", ...only(newest()));
  expect(report.code).toBe(2);
  expect(report.problems.map(({ code }) => code).toSorted()).toEqual(["LOGS_MISSING", "NEVER_ATTEMPTED"]);
  expect(logs).toHaveLength(3);
});

test("a block that a reorg took back is told of to whom its log was told, and is whole", async () => {
  const logs = await publish();
  await settled(...only(newest()));
  const gone = newest();
  const hash = hashes.pop()!;
  sequence += 1;
  const producer = stage.kafka.producer();
  await producer.start();
  const removed = { kind: "removed" as const, sequence, addedSequence: sequenceOf(logs) };
  await producer.send([
    ...logs.map((log) => toRecord(topology.logs.of(chainId), { ...log, ...removed })),
    toRecord(
      topology.blocks,
      sampleBlock({
        chainId,
        ...removed,
        number: gone,
        hash,
        parentHash: hashes.at(-1)!,
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
  const provider = await startReceiptsProvider(chainId, logs);
  expect(await audit(...only(newest()), "--rpc", provider.url)).toMatchObject({ code: 0, rpcBlocks: 1 });
  provider.set(logs.slice(1));
  const report = await audit(...only(newest()), "--rpc", provider.url);
  expect(report.problems).toEqual([
    {
      code: "RPC_DIFFERS",
      at: `block ${newest()} (sequence ${sequenceOf(logs)})`,
      detail: "2 logs at the provider, 3 in the ledger",
    },
  ]);
  provider.close();
});

test("a stretch of blocks is whole although others became final or were taken back meanwhile", async () => {
  const first = newest() + 1;
  for (let n = 0; n < 4; n++) await publish();
  const blocks = ["--no-clickhouse", "--from", `block:${first}`, "--to", `block:${first + 2}`];
  expect(await settled(...blocks)).toMatchObject({
    code: 0,
    window: { blocks: 3, removed: 0 },
    logs: { counted: 9, found: 9 },
    problems: [],
  });
});

test("a block that the ledger does not have yet is missing, and a window without a block proves nothing", async () => {
  const next = newest() + 1;
  const missing = { code: "BLOCK_MISSING", at: `block ${next}` };
  expect(
    await audit("--no-clickhouse", "--from", `block:${newest()}`, "--to", `block:${next}`),
  ).toMatchObject({
    code: 2,
    window: { blocks: 1 },
    problems: [{ ...missing, detail: `the ledger of base does not have it; its newest is ${newest()}` }],
  });
  expect(await audit(...only(next))).toMatchObject({ code: 2, evidence: "ledger", problems: [missing] });
  expect(await audit("--from", "2020-01-01", "--to", "2020-01-02")).toMatchObject({
    code: 2,
    problems: [{ code: "WINDOW_EMPTY" }],
  });
});

async function count(query: string): Promise<number> {
  const answer = await db.query({ query, format: "JSONEachRow" });
  return Number((await answer.json<{ n: number }>())[0]?.n);
}
