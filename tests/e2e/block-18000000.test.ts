import { createClient } from "@clickhouse/client";
import { startReceiver, type Receipt, type Receiver } from "@ethhook/scripts/demo-receiver";
import { builtInChains } from "@ethhook/topology";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommand } from "../support/command.ts";
import { readLogs } from "../support/read-topics.ts";
import { logsOf, readRecordedBlock, type RecordedBlock } from "../support/recorded-blocks.ts";
import { startRecordedChain, type RecordedChain } from "../support/recorded-chain.ts";
import { until } from "../support/until.ts";
import { startWholePath, type WholePath } from "../support/whole-path.ts";

const ethereum = builtInChains[0]!;
/** Of Ethereum block 18,000,000, by its receipts. */
const logCount = 291;

let path: WholePath;
let chain: RecordedChain;
let receiver: Receiver;
let recorded: RecordedBlock;
let endpointId: string;
/** By the path of the endpoint. */
const receipts: Record<"/each" | "/block", Receipt[]> = { "/each": [], "/block": [] };

beforeAll(async () => {
  recorded = await readRecordedBlock("ethereum", 18_000_000);
  chain = await startRecordedChain({ chainId: ethereum.id, blocks: [recorded] });
  receiver = await startReceiver((receipt) => receipts[receipt.path as keyof typeof receipts].push(receipt));
  path = await startWholePath();
  const api = await path.newUser(await path.start("api"));
  const { id: applicationId } = await api("createApplication", { body: { name: "e2e" } });
  const create = async (path: keyof typeof receipts, batch: "none" | "block"): Promise<string> => {
    const body = { url: receiver.url + path, filter: { chains: ["ethereum"] }, delivery: { batch } };
    const { id, secret } = await api("createEndpoint", { params: { applicationId }, body });
    receiver.trust(path, secret!);
    return id;
  };
  endpointId = await create("/each", "none");
  await create("/block", "block");
  await Promise.all([path.start("matcher"), path.start("delivery")]);
  await path.start("ingestor", { ETHEREUM_WS_URL: chain.wsUrl });
});

afterAll(async () => {
  await path?.stop();
  await receiver?.stop();
  await chain?.stop();
});

interface AuditReport {
  readonly webhooks: { readonly pending: number };
}

/** What the chain says of a log: the fields that must come through unchanged. */
interface ChainFields {
  readonly logIndex: number;
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly transactionHash: string;
  readonly transactionIndex: number;
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly blockTimestamp: number;
}

function inReceipts(): ChainFields[] {
  return logsOf(recorded).map((log) => ({
    logIndex: Number(log.logIndex),
    address: log.address,
    topics: log.topics,
    data: log.data,
    transactionHash: log.transactionHash,
    transactionIndex: Number(log.transactionIndex),
    blockNumber: 18_000_000,
    blockHash: recorded.block.hash,
    blockTimestamp: Number(recorded.block.timestamp),
  }));
}

/** Only the chain's own fields, in the order of the block. */
function chainFields(logs: readonly ChainFields[]): ChainFields[] {
  return logs
    .map((log) => ({
      logIndex: log.logIndex,
      address: log.address,
      topics: log.topics,
      data: log.data,
      transactionHash: log.transactionHash,
      transactionIndex: log.transactionIndex,
      blockNumber: log.blockNumber,
      blockHash: log.blockHash,
      blockTimestamp: log.blockTimestamp,
    }))
    .toSorted((a, b) => a.logIndex - b.logIndex);
}

test("all 291 logs of block 18,000,000 stand in the topic as the receipts have them", async () => {
  const published = await until(
    "every log in the topic",
    () => readLogs(path.kafka, path.topology, ethereum),
    (logs) => logs.length >= logCount,
  );
  expect(published).toHaveLength(logCount);
  expect(chainFields(published)).toEqual(inReceipts());
});

test("each of them arrives as a signed webhook, once, with every field of its receipt", async () => {
  await until(
    "every webhook",
    () => receipts["/each"].length,
    (received) => received >= logCount,
    30_000,
  );
  const each = receipts["/each"];
  const bodies = each.map(({ body }) => JSON.parse(body) as { type: string; data: ChainFields });
  expect(chainFields(bodies.map(({ data }) => data))).toEqual(inReceipts());
  expect(new Set(bodies.map(({ type }) => type))).toEqual(new Set(["log.new"]));
  expect(new Set(each.map(({ webhookId }) => webhookId)).size).toBe(logCount);
  expect(bodies[0]?.data).toMatchObject({
    endpointId,
    chain: "ethereum",
    finality: "latest",
    proof: "bloom",
  });
});

test("whoever asked for blocks is told all of them in a few POSTs, each signed as one", async () => {
  const eventsOf = ({ body }: Receipt) =>
    (JSON.parse(body) as { data: { events: { data: ChainFields }[] } }).data.events;
  const blocks = await until(
    "every event",
    () => receipts["/block"],
    (posts) => posts.flatMap(eventsOf).length >= logCount,
    30_000,
  );
  expect(chainFields(blocks.flatMap(eventsOf).map(({ data }) => data))).toEqual(inReceipts());
  // How few depends on how fast they come; 200 events go into one at most.
  expect(blocks.length).toBeLessThan(logCount / 10);
  expect(Math.max(...blocks.map((post) => eventsOf(post).length))).toBeLessThanOrEqual(200);
  // The receiver takes only what is signed.
  const posts = logCount + blocks.length;
  expect(receiver.totals()).toEqual({ requests: posts, webhooks: posts, duplicates: 0, refused: 0 });
});

test("each of them is a row in ClickHouse with the same fields, and so are its delivery and attempt", async () => {
  const db = createClient({ url: path.urls.CLICKHOUSE_URL, database: "ethhook" });
  const rows = async <T>(query: string): Promise<T[]> =>
    (await db.query({ query, format: "JSONEachRow" })).json<T>();
  try {
    await until(
      "every log in ClickHouse",
      async () => (await rows<{ rows: number }>(countLogs))[0]?.rows ?? 0,
      (found) => found >= logCount,
      60_000,
    );
    expect(chainFields(await rows<ChainFields>(selectLogs))).toEqual(inReceipts());
    const [counts] = await until(
      "every delivery and attempt in ClickHouse",
      () => rows<{ delivered: number; ids: number }>(countDelivered),
      ([found]) => found?.delivered === logCount,
      60_000,
    );
    expect(counts).toEqual({ delivered: logCount, ids: logCount });
  } finally {
    await db.close();
  }
});

test("the audit finds every webhook delivered, those that travelled in a batch too", async () => {
  const block = ["--chain", "ethereum", "--from", "block:18000000", "--to", "block:18000000"];
  const report = await until(
    "the audit",
    async () => {
      const { code, stdout, stderr } = await runCommand("audit", [...block, "--json"], { ...path.urls });
      if (code === 1) throw new Error(stderr);
      return { code, ...(JSON.parse(stdout) as AuditReport) };
    },
    (found) => found.code !== 0 || found.webhooks.pending === 0,
    60_000,
  );
  expect(report).toMatchObject({
    code: 0,
    logs: { counted: logCount, found: logCount },
    webhooks: { expected: 2 * logCount, delivered: 2 * logCount, lost: 0 },
    problems: [],
  });
});

test("no service ended on the way", () => {
  expect(path.notices).toEqual([]);
});

const hex = (column: string) => `concat('0x', lower(hex(${column})))`;
const selectLogs = `
  SELECT toUInt32(log_index) AS logIndex, ${hex("address")} AS address,
         arraySlice([${[0, 1, 2, 3].map((n) => hex(`topic${n}`)).join(", ")}], 1, topic_count) AS topics,
         ${hex("data")} AS data, ${hex("transaction_hash")} AS transactionHash,
         transaction_index AS transactionIndex, toUInt32(block_number) AS blockNumber,
         ${hex("block_hash")} AS blockHash, toUInt32(toUnixTimestamp(block_time)) AS blockTimestamp
  FROM logs FINAL WHERE chain_id = 1`;
const countLogs = "SELECT toUInt32(count()) AS rows FROM logs FINAL WHERE chain_id = 1";
const countDelivered = `
  SELECT toUInt32(count()) AS delivered, toUInt32(uniqExact(webhook_id)) AS ids
  FROM attempts FINAL INNER JOIN deliveries FINAL USING (webhook_id) WHERE outcome = 'delivered' AND empty(attempts.batch)`;
