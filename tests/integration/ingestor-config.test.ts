import { createKafka, createLogger, type KafkaClient } from "@ethhook/kit";
import { startKafka, type KafkaEngine } from "@ethhook/infra";
import { builtInChains, type Chain, createTopology } from "@ethhook/topology";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startIngestorProcess } from "../support/ingestor-process.ts";
import { readLedger, readLogs } from "../support/read-topics.ts";
import { type RecordedBlock, readRecordedBlock } from "../support/recorded-blocks.ts";
import { startRecordedChain } from "../support/recorded-chain.ts";
import { createTopics } from "../support/topics.ts";
import { until } from "../support/until.ts";

const ethereum = builtInChains[0]!;
/** Known to no code but this: a process learns of it by its environment. */
const polygon: Chain = {
  id: 137,
  name: "polygon",
  blockTimeMs: 2_000,
  confirmedDepth: 100,
  finality: { kind: "depth", depth: 256 },
  ledgerPartition: 7,
};
const topology = createTopology([...builtInChains, polygon]);
const logger = createLogger({ name: "test", level: process.env["TEST_LOG_LEVEL"] ?? "silent" });
const stops: (() => Promise<void>)[] = [];
let engine: KafkaEngine;
let kafka: KafkaClient;

beforeAll(async () => {
  engine = await startKafka({});
  kafka = createKafka({ brokers: engine.brokers, clientId: "test", logger });
  await createTopics(kafka, topology);
});
afterAll(async () => {
  for (const stop of stops.toReversed()) await stop();
  await engine?.stop();
});

async function serve(chainId: number, recorded: RecordedBlock): Promise<string> {
  const node = await startRecordedChain({ chainId, blocks: [recorded] });
  stops.push(() => node.stop());
  return node.wsUrl;
}

const published = (chain: Chain) =>
  until(
    `a block of ${chain.name} is in the ledger`,
    () => readLedger(kafka, topology, chain),
    (ledger) => ledger.length > 0,
    30_000,
  );

test("a process proves Ethereum by receipts beside a forging provider, and runs a chain that only its environment names", async () => {
  const recorded = await readRecordedBlock("ethereum", 18_000_000);
  const forged: RecordedBlock = {
    block: { ...recorded.block, logsBloom: `0x${"00".repeat(256)}`, anything: "0x1" },
    receipts: [],
  };
  const urls = [await serve(1, forged), await serve(1, recorded)];
  const ingestor = startIngestorProcess({
    KAFKA_BROKERS: engine.url,
    ETHEREUM_WS_URL: urls.join(","),
    ETHEREUM_PROOF: "receipts",
    CHAINS_EXTRA: JSON.stringify([polygon]),
    POLYGON_WS_URL: await serve(137, await readRecordedBlock("polygon", 50_000_000)),
  });
  stops.push(() => ingestor.stop());

  expect(await published(ethereum)).toMatchObject([
    { kind: "added", sequence: 1, number: 18_000_000, logCount: 291, proof: "receipts" },
  ]);
  const logs = await readLogs(kafka, topology, ethereum);
  expect(logs).toHaveLength(291);
  expect(new Set(logs.map(({ proof }) => proof))).toEqual(new Set(["receipts"]));

  const [block] = await published(polygon);
  expect(block).toMatchObject({
    kind: "added",
    sequence: 1,
    chainId: 137,
    number: 50_000_000,
    proof: "bloom",
  });
  expect(await readLogs(kafka, topology, polygon)).toHaveLength(block?.logCount ?? -1);
});
