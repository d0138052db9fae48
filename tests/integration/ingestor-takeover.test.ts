import { createKafka, createLogger, type KafkaClient } from "@ethhook/kit";
import { startKafka, type KafkaEngine } from "@ethhook/infra";
import { builtInChains, type Chain, createTopology } from "@ethhook/topology";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type IngestorProcess, startIngestorProcess } from "../support/ingestor-process.ts";
import { readLedger, readLogs } from "../support/read-topics.ts";
import { type RecordedChain, startRecordedChain } from "../support/recorded-chain.ts";
import { makeSyntheticBranch } from "../support/synthetic-blocks.ts";
import { createTopics } from "../support/topics.ts";
import { until } from "../support/until.ts";

const topology = createTopology(builtInChains);
// A chain of its own for each test: the broker is shared.
const [ethereum, arbitrum, optimism, base] = builtInChains as [Chain, Chain, Chain, Chain];
const takeoverMs = 15_000;
const twentyLogs = (_number: number) => 20;
let engine: KafkaEngine;
let kafka: KafkaClient;
const stops: (() => Promise<void>)[] = [];

beforeAll(async () => {
  engine = await startKafka({});
  kafka = createKafka({
    brokers: [engine.url],
    clientId: "test",
    logger: createLogger({ name: "test", level: "silent" }),
  });
  await createTopics(kafka, topology);
});
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});
afterAll(() => engine?.stop());

/** A synthetic chain of `count` blocks that shows the first one; `next` shows another. */
async function startChain(chain: Chain, count: number, logsOf = twentyLogs): Promise<RecordedChain> {
  const blocks = await makeSyntheticBranch({ from: 1_000, count, logsOf, salt: chain.name });
  const node = await startRecordedChain({ chainId: chain.id, blocks, visible: 1 });
  stops.push(() => node.stop());
  return node;
}

function startIngestor(nodes: readonly (readonly [Chain, RecordedChain])[]): IngestorProcess {
  const urls = nodes.map(([chain, node]) => [`${chain.name.toUpperCase()}_WS_URL`, node.wsUrl]);
  const ingestor = startIngestorProcess({ KAFKA_BROKERS: engine.url, ...Object.fromEntries(urls) });
  stops.push(() => ingestor.stop());
  return ingestor;
}

const heard = (ingestor: IngestorProcess, event: string, deadlineMs = 30_000) =>
  until(
    `an ingestor says ${event}`,
    () => ingestor.lines.map((line) => line["event"]),
    (events) => events.includes(event),
    deadlineMs,
  );

const published = (chain: Chain, count: number, deadlineMs = 20_000) =>
  until(
    `${count} blocks of ${chain.name}`,
    () => readLedger(kafka, topology, chain),
    (ledger) => ledger.length >= count,
    deadlineMs,
  );

/** Nothing twice, nothing missing: blocks 1000, 1001 … under sequences 1, 2 …, each with all of its logs. */
async function expectWhole(chain: Chain, blocks: number, logsOf = twentyLogs): Promise<void> {
  const ledger = await readLedger(kafka, topology, chain);
  expect(ledger.map(({ sequence, number }) => [sequence, number])).toEqual(
    Array.from({ length: blocks }, (_, index) => [index + 1, 1_000 + index]),
  );
  const logs = await readLogs(kafka, topology, chain);
  const ids = new Set(logs.map(({ blockNumber, logIndex }) => `${blockNumber}:${logIndex}`));
  const expected = ledger.reduce((sum, { number }) => sum + logsOf(number), 0);
  expect([logs.length, ids.size]).toEqual([expected, expected]);
}

test("a standby takes over within 15 s of a kill, and the ledger goes on without a gap or a repetition", async () => {
  const node = await startChain(ethereum, 20);
  const first = startIngestor([[ethereum, node]]);
  await published(ethereum, 1);
  const second = startIngestor([[ethereum, node]]);
  await heard(second, "chain.standby");
  node.next();
  await published(ethereum, 2);

  const killedAtMs = performance.now();
  first.kill("SIGKILL");
  node.next();
  await published(ethereum, 3, takeoverMs);
  const tookMs = performance.now() - killedAtMs;
  expect(tookMs).toBeLessThan(takeoverMs);
  node.next();
  await published(ethereum, 4);
  await expectWhole(ethereum, 4);
});

test("a leader paused within a transaction holds up no other chain, and is fenced when it wakes up", async () => {
  const logsOf = (number: number) => (number === 1_001 ? 20_000 : 20);
  const node = await startChain(arbitrum, 3, logsOf);
  const other = await startChain(base, 20);
  const first = startIngestor([[arbitrum, node]]);
  await published(arbitrum, 1);
  const second = startIngestor([[arbitrum, node]]);
  const third = startIngestor([[base, other]]);
  await heard(second, "chain.standby");
  await published(base, 1);

  const before = first.writtenBytes();
  node.next();
  await until(
    "a part of the block is written",
    () => first.writtenBytes() - before,
    (bytes) => bytes > 1_000_000,
  );
  first.kill("SIGSTOP");
  expect((await readLedger(kafka, topology, arbitrum)).length).toBe(1);
  for (const count of [2, 3, 4]) {
    other.next();
    await published(base, count, 2_000);
  }

  await published(arbitrum, 2, takeoverMs + 5_000);
  first.kill("SIGCONT");
  await until(
    "the first ingestor says that it is not the one any more",
    () => first.lines.map((line) => line["event"]),
    (events) => events.includes("chain.fenced") || events.includes("chain.deposed"),
  );
  node.next();
  await published(arbitrum, 3, 30_000);
  await expectWhole(arbitrum, 3, logsOf);
  await expectWhole(base, 4);
  expect(await abortedRecords(arbitrum)).toBeGreaterThan(1_000);
  expect(third.lines.filter((line) => line["level"] === "error")).toEqual([]);
});

/** Offsets of the chain's log topic that no committed record has: what was written within aborted transactions. */
async function abortedRecords(chain: Chain): Promise<number> {
  const admin = kafka.admin();
  const bounds = await admin.bounds(topology.logs.of(chain.id).name);
  await admin.close();
  const offsets = bounds.reduce((sum, { start, end }) => sum + end - start, 0);
  return offsets - (await readLogs(kafka, topology, chain)).length;
}

test("a stop hands over at once: the leader leaves the group", async () => {
  const node = await startChain(optimism, 20);
  const first = startIngestor([[optimism, node]]);
  await published(optimism, 1);
  const second = startIngestor([[optimism, node]]);
  await heard(second, "chain.standby");
  const stoppedAtMs = performance.now();
  await first.stop();
  expect((await first.exited).code).toBe(0);
  node.next();
  await published(optimism, 2);
  expect(performance.now() - stoppedAtMs).toBeLessThan(5_000);
  await expectWhole(optimism, 2);
});
