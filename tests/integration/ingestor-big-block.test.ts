import { createKafka, createLogger, type KafkaClient } from "@ethhook/kit";
import { startKafka, type KafkaEngine } from "@ethhook/infra";
import { logsDigest } from "@ethhook/schemas";
import { builtInChains, type Chain, createTopology } from "@ethhook/topology";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { startIngestorProcess } from "../support/ingestor-process.ts";
import { readDeadLogs, readLedger, readLogs } from "../support/read-topics.ts";
import type { RecordedBlock } from "../support/recorded-blocks.ts";
import { startRecordedChain } from "../support/recorded-chain.ts";
import { makeSyntheticBlock } from "../support/synthetic-blocks.ts";
import { createTopics } from "../support/topics.ts";
import { until } from "../support/until.ts";

const topology = createTopology(builtInChains);
// A chain of its own for each test: the broker is shared.
const [ethereum, , , base] = builtInChains;
const megabyte = 1_048_576;
const memoryMax = 512 * megabyte;
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

/** Synthetic, after a real one: one transaction with 49,514 logs was seen, 142 MB as JSON. */
async function hugeBlock(logCount: number, dataBytes: number) {
  const logs = Array.from({ length: logCount }, (_, index) => ({
    address: `0x${(index % 500).toString(16).padStart(40, "0")}`,
    topics: [`0x${index.toString(16).padStart(64, "0")}`, `0x${"ab".repeat(32)}`],
    data: `0x${index.toString(16).padStart(64, "0")}${"5a".repeat(dataBytes - 32)}`,
  }));
  return makeSyntheticBlock({
    number: 100,
    parentHash: `0x${"00".repeat(32)}`,
    timestamp: 1_700_000_000,
    transactions: [logs],
    withReceiptsRoot: false,
  });
}

async function ingest(chain: Chain, block: RecordedBlock) {
  const node = await startRecordedChain({ chainId: chain.id, blocks: [block] });
  stops.push(() => node.stop());
  const url = { [`${chain.name.toUpperCase()}_WS_URL`]: node.wsUrl };
  const ingestor = startIngestorProcess({ KAFKA_BROKERS: engine.url, LOG_LEVEL: "debug", ...url });
  stops.push(() => ingestor.stop());
  const ledger = await until(
    "the block is in the ledger",
    async () => {
      return readLedger(kafka, topology, chain);
    },
    (records) => records.length > 0,
    60_000,
  );
  return { ledger, ingestor };
}

test("a block with 50,000 logs in 150 MB of JSON is published whole, in less than 512 MB of memory", async () => {
  const { ledger, ingestor } = await ingest(ethereum!, await hugeBlock(50_000, 1_200));
  const peakBytes = ingestor.peakMemoryBytes();
  expect(ledger).toMatchObject([{ kind: "added", number: 100, logCount: 50_000, proof: "bloom" }]);
  expect(peakBytes).toBeLessThan(memoryMax);
  // The ledger's digest is of what was fetched; this one is of what any reader finds.
  const logs = await readLogs(kafka, topology, ethereum!);
  expect(logs).toHaveLength(50_000);
  expect(logsDigest(logs)).toBe(ledger[0]?.digest);
});

test("a log larger than a record can be is refused with a reference, and its block goes on without it", async () => {
  const tooLarge = `0x${"5a".repeat(9 * megabyte)}`;
  const address = `0x${"11".repeat(20)}`;
  const block = await makeSyntheticBlock({
    number: 100,
    parentHash: `0x${"00".repeat(32)}`,
    timestamp: 1_700_000_000,
    transactions: [
      [
        { address, topics: [], data: "0x01" },
        { address, topics: [], data: tooLarge },
        // Close to the limit: this one is delivered whole.
        { address, topics: [], data: `0x${"5b".repeat(7 * megabyte)}` },
      ],
    ],
  });
  const { ledger } = await ingest(base!, block);
  expect(ledger).toMatchObject([{ logCount: 2 }]);
  const logs = (await readLogs(kafka, topology, base!)).toSorted((a, b) => a.logIndex - b.logIndex);
  expect(logs.map((log) => [log.logIndex, log.data.length])).toEqual([
    [0, 4],
    [2, 2 + 14 * megabyte],
  ]);
  expect(logsDigest(logs)).toBe(ledger[0]?.digest);
  const [letter] = await readDeadLogs(kafka, topology);
  expect(letter?.headers).toMatchObject({ "source-topic": "logs.base", group: "ingestor" });
  expect(letter?.headers["reason"]).toMatch(/^LOG_TOO_LARGE: 9437184 bytes/);
  expect(JSON.parse(String(letter?.value))).toMatchObject({
    chainId: base!.id,
    blockHash: block.block.hash,
    logIndex: 1,
    address,
    dataBytes: 9 * megabyte,
  });
});
