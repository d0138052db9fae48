import { createKafka, createLogger, type KafkaClient } from "@ethhook/kit";
import { type AnvilEngine, type KafkaEngine, startAnvil, startKafka } from "@ethhook/infra";
import { builtInChains, type Chain, createTopology } from "@ethhook/topology";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createJsonRpc, type JsonRpc } from "../../scripts/demo/json-rpc.ts";
import { deploymentData, tokenAddress, transferData } from "../../scripts/demo/demo-token.ts";
import { type IngestorProcess, startIngestorProcess } from "../support/ingestor-process.ts";
import { canonicalLogs, inShort, netLogs, sortedTexts } from "../support/net-logs.ts";
import { readLedger, readLogs } from "../support/read-topics.ts";
import type { RecordedBlock, RpcLog } from "../support/recorded-blocks.ts";
import { type RecordedChain, startRecordedChain } from "../support/recorded-chain.ts";
import { makeSyntheticBranch } from "../support/synthetic-blocks.ts";
import { createTopics } from "../support/topics.ts";
import { until } from "../support/until.ts";

const topology = createTopology(builtInChains);
// A chain of its own for each test: the broker is shared.
const [ethereum, arbitrum, optimism, base] = builtInChains as [Chain, Chain, Chain, Chain];
let engine: KafkaEngine;
let kafka: KafkaClient;
const stops: (() => unknown)[] = [];

beforeAll(async () => {
  engine = await startKafka({});
  const logger = createLogger({ name: "test", level: "silent" });
  kafka = createKafka({ brokers: [engine.url], clientId: "test", logger });
  await createTopics(kafka, topology);
});
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});
afterAll(() => engine?.stop());

function startIngestor(urls: Readonly<Record<string, string>>): IngestorProcess {
  const ingestor = startIngestorProcess({ KAFKA_BROKERS: engine.url, ...urls });
  stops.push(() => ingestor.stop());
  return ingestor;
}

const ledgerOf = async (chain: Chain) => inShort(await readLedger(kafka, topology, chain), names);
const ledgerIs = (chain: Chain, expected: string) =>
  until(
    `the ledger of ${chain.name} is ${expected}`,
    () => ledgerOf(chain),
    (ledger) => ledger === expected,
    40_000,
  );

/** `a1000`, by hash: the branch and number of every block that was made. */
const names = new Map<string, string>();

/** Blocks `from` to `to` of a branch, on top of `parent`. */
async function branch(
  salt: string,
  from: number,
  to: number,
  parent?: RecordedBlock,
): Promise<RecordedBlock[]> {
  const blocks = await makeSyntheticBranch({
    from,
    count: to - from + 1,
    logsOf: (number) => 15 + (number % 3),
    salt,
    ...(parent ? { parentHash: parent.block.hash } : {}),
  });
  for (const { block } of blocks) names.set(block.hash, salt + Number(block.number));
  return blocks;
}

async function startChain(chain: Chain, blocks: readonly RecordedBlock[], finalizedDepth?: number) {
  const node = await startRecordedChain({
    chainId: chain.id,
    blocks,
    ...(finalizedDepth === undefined ? {} : { finalizedDepth }),
  });
  stops.push(() => node.stop());
  return node;
}

/** What stands in the topic, net of removals, is the chain. */
async function expectWhole(chain: Chain, canonical: readonly RecordedBlock[]): Promise<void> {
  expect(netLogs(await readLogs(kafka, topology, chain))).toEqual(canonicalLogs(canonical));
}

const urlsOf = (node: RecordedChain, name: string) => ({
  [`${name}_WS_URL`]: node.wsUrl,
  [`${name}_START_BLOCK`]: "1000",
});

test("a reorg takes back exactly what the topic has, a block that comes back is new again, also after a kill", async () => {
  const a = await branch("a", 1_000, 1_007);
  const b = await branch("b", 1_004, 1_006, a[3]);
  const c = await branch("c", 1_002, 1_009, a[1]);
  const node = await startChain(ethereum, a.slice(0, 6));
  const urls = urlsOf(node, "ETHEREUM");
  const first = startIngestor(urls);
  const added = "+a1000 +a1001 +a1002 +a1003 +a1004 +a1005";
  await ledgerIs(ethereum, added);

  // The node knows nothing of the old branch from here on: what is taken back comes from our own record.
  node.reorg(b);
  const toB = `${added} -a1005 -a1004 +b1004 +b1005 +b1006`;
  await ledgerIs(ethereum, toB);
  await expectWhole(ethereum, [...a.slice(0, 4), ...b]);

  node.reorg(a.slice(4));
  const backToA = `${toB} -b1006 -b1005 -b1004 +a1004 +a1005 +a1006 +a1007`;
  await ledgerIs(ethereum, backToA);
  await expectWhole(ethereum, a);

  first.kill("SIGKILL");
  await first.exited;
  node.reorg(c);
  startIngestor(urls);
  const c1002to1009 = [2, 3, 4, 5, 6, 7, 8, 9].map((number) => `+c100${number}`).join(" ");
  await ledgerIs(ethereum, `${backToA} -a1007 -a1006 -a1005 -a1004 -a1003 -a1002 ${c1002to1009}`);
  await expectWhole(ethereum, [...a.slice(0, 2), ...c]);
});

test("a reorg below the finalized block is reported loudly and done", async () => {
  const a = await branch("a", 1_000, 1_007);
  const b = await branch("b", 1_003, 1_009, a[2]);
  const node = await startChain(base, a, 1);
  const ingestor = startIngestor(urlsOf(node, "BASE"));
  const added = [0, 1, 2, 3, 4, 5, 6, 7].map((number) => `+a100${number}`).join(" ");
  await ledgerIs(base, `${added} !a1006`);
  node.reorg(b);
  const removed = [7, 6, 5, 4, 3].map((number) => `-a100${number}`).join(" ");
  const replaced = [3, 4, 5, 6, 7, 8, 9].map((number) => `+b100${number}`).join(" ");
  await until(
    "the new branch is there",
    () => ledgerOf(base),
    (ledger) => ledger.startsWith(`${added} !a1006 ${removed} ${replaced}`),
  );
  await expectWhole(base, [...a.slice(0, 3), ...b]);
  expect(ingestor.lines).toContainEqual(
    expect.objectContaining({ level: "error", event: "chain.reorged", depth: 5, belowFinalized: true }),
  );
});

test("SIGKILL in the middle of a back-fill's transactions, twice: nothing lost, nothing twice", async () => {
  const blocks = await makeSyntheticBranch({
    from: 1_000,
    count: 12,
    logsOf: () => 2_000,
    salt: "many",
    withReceiptsRoot: false,
  });
  const node = await startChain(optimism, blocks);
  const length = async () => (await readLedger(kafka, topology, optimism)).length;
  for (const published of [0, 3]) {
    const ingestor = startIngestor(urlsOf(node, "OPTIMISM"));
    await until("blocks are there", length, (count) => count >= published, 30_000);
    const before = ingestor.writtenBytes();
    await until(
      "a part of a transaction is written",
      () => ingestor.writtenBytes() - before,
      (bytes) => bytes > 300_000,
    );
    ingestor.kill("SIGKILL");
    await ingestor.exited;
    expect(await length()).toBeLessThan(blocks.length);
  }
  startIngestor(urlsOf(node, "OPTIMISM"));
  await until("every block is there", length, (count) => count >= blocks.length, 40_000);

  const ledger = await readLedger(kafka, topology, optimism);
  expect(ledger.map(({ sequence, hash }) => [sequence, hash])).toEqual(
    blocks.map(({ block }, index) => [index + 1, block.hash]),
  );
  await expectWhole(optimism, blocks);
});

test("a real node reorgs, stops and comes back: the topic has what the node has", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "ethhook-anvil-"));
  stops.push(() => rmSync(dataDir, { recursive: true, force: true }));
  const node = await startNode(dataDir);
  const rpc = createJsonRpc(node.httpUrl);
  const ingestor = startIngestor({ ARBITRUM_WS_URL: node.wsUrl, ARBITRUM_START_BLOCK: "0" });
  await deployToken(rpc);
  await transfer(rpc, 12);
  await untilEqual(rpc, 12);

  await rpc([["anvil_reorg", [5, []]]]);
  await transfer(rpc, 2);
  await until(
    "the reorg is seen",
    () => ingestor.lines.find((line) => line["event"] === "chain.reorged"),
    (line) => line?.["depth"] === 5,
  );
  await untilEqual(rpc, 9);
  const removed = (await readLogs(kafka, topology, arbitrum)).filter(({ kind }) => kind === "removed");
  expect(removed).toHaveLength(5);

  await node.stop();
  await startNode(dataDir, node.port);
  await transfer(rpc, 3);
  await untilEqual(rpc, 12);
});

/** anvil makes a block for each transaction. */
async function startNode(dataDir: string, port?: number): Promise<AnvilEngine> {
  const made = await startAnvil({ chainId: arbitrum.id, dataDir, ...(port === undefined ? {} : { port }) });
  stops.push(() => made.stop());
  return made;
}

async function send(rpc: JsonRpc, transactionOf: (from: string) => Record<string, string>, count = 1) {
  const [accounts] = (await rpc([["eth_accounts", []]])) as [string[]];
  const [from = ""] = accounts;
  for (let sent = 0; sent < count; sent += 1) {
    await rpc([["eth_sendTransaction", [{ from, gas: "0x2dc6c0", ...transactionOf(from) }]]]);
  }
}
/** Its constructor emits no log of interest: one Transfer at most. */
const deployToken = (rpc: JsonRpc) => send(rpc, () => ({ data: deploymentData() }));
const transfer = (rpc: JsonRpc, count: number) =>
  send(rpc, (from) => ({ to: tokenAddress(from), data: transferData(`0x${"11".repeat(20)}`, 5n) }), count);

/** @param transfers how many logs of transfers the node must have for it to count. */
async function untilEqual(rpc: JsonRpc, transfers: number): Promise<void> {
  await until(
    "the topic has what the node has",
    async () => {
      const everything = { fromBlock: "0x0", toBlock: "latest" };
      const [logs] = (await rpc([["eth_getLogs", [everything]]])) as [RpcLog[]];
      const stands = netLogs(await readLogs(kafka, topology, arbitrum));
      return { logs: logs.length, equal: stands.join() === sortedTexts(logs).join() };
    },
    ({ logs, equal }) => equal && logs >= transfers,
  );
}
