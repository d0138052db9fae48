import { createKafka, createLogger, createMetrics, type KafkaClient, Registry } from "@ethhook/kit";
import { createIngestor } from "@ethhook/ingestor";
import { chainDefaults } from "@ethhook/ingestor/config";
import { startKafka, type KafkaEngine } from "@ethhook/infra";
import { builtInChains, createTopology, metricCatalogue } from "@ethhook/topology";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readLedger, readLogs } from "../support/read-topics.ts";
import { logsOf, readRecordedBlock } from "../support/recorded-blocks.ts";
import { startRecordedChain } from "../support/recorded-chain.ts";
import { createTopics } from "../support/topics.ts";
import { until } from "../support/until.ts";

const topology = createTopology(builtInChains);
const ethereum = builtInChains[0]!;
let engine: KafkaEngine;
let kafka: KafkaClient;
const logger = createLogger({ name: "test", level: process.env["TEST_LOG_LEVEL"] ?? "silent" });

beforeAll(async () => {
  engine = await startKafka({});
  kafka = createKafka({ brokers: [engine.url], clientId: "test", logger });
  await createTopics(kafka, topology);
});
afterAll(() => engine?.stop());

function ingestor(wsUrl: string) {
  const metrics = createMetrics(metricCatalogue, new Registry());
  const settings = builtInChains.map((chain) =>
    chain === ethereum ? { ...chainDefaults, chain, wsUrls: [wsUrl] } : { ...chainDefaults, chain },
  );
  return createIngestor(settings, { broker: kafka, logger, metrics, now: Date.now });
}

test("all 291 logs of Ethereum block 18,000,000 reach the topic as the receipts have them, once", async () => {
  const recorded = await readRecordedBlock("ethereum", 18_000_000);
  const chain = await startRecordedChain({ chainId: 1, blocks: [recorded] });
  const service = ingestor(chain.wsUrl);
  await service.start();
  await until(
    "the block is in the ledger",
    () => readLedger(kafka, topology, ethereum),
    (ledger) => ledger.length > 0,
  );
  await service.stop(5_000);

  const again = ingestor(chain.wsUrl);
  await again.start();
  await until(
    "the second run has the block",
    () => again.notReady(),
    (reasons) => reasons.length === 0,
  );
  await again.stop(5_000);
  await chain.stop();

  const ledger = await readLedger(kafka, topology, ethereum);
  expect(ledger).toMatchObject([
    { kind: "added", sequence: 1, number: 18_000_000, logCount: 291, proof: "bloom" },
  ]);
  const published = (await readLogs(kafka, topology, ethereum)).toSorted((a, b) => a.logIndex - b.logIndex);
  expect(published).toHaveLength(291);
  expect(
    published.map(({ address, topics, data, transactionHash, transactionIndex, logIndex, blockHash }) => ({
      address,
      topics,
      data,
      transactionHash,
      transactionIndex,
      logIndex,
      blockHash,
    })),
  ).toEqual(
    logsOf(recorded).map((log) => ({
      address: log.address,
      topics: log.topics,
      data: log.data,
      transactionHash: log.transactionHash,
      transactionIndex: Number(log.transactionIndex),
      logIndex: Number(log.logIndex),
      blockHash: log.blockHash,
    })),
  );
});
