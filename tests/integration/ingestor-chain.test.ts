import { type ChainSettings, chainDefaults } from "@ethhook/ingestor/config";
import { createIngestor } from "@ethhook/ingestor";
import { createLogger, createMetrics, Registry, type Service } from "@ethhook/kit";
import { createMemoryBroker, type MemoryBroker } from "@ethhook/kit/testing";
import { builtInChains, type Chain, createTopology, metricCatalogue } from "@ethhook/topology";
import { afterEach, expect, test } from "vitest";
import { readLedger, readLogs } from "../support/read-topics.ts";
import { type RecordedChain, startRecordedChain } from "../support/recorded-chain.ts";
import { makeSyntheticBranch } from "../support/synthetic-blocks.ts";
import { until } from "../support/until.ts";

/** A made-up chain with finality by depth, so that nothing depends on a node's tag. */
const chain: Chain = {
  id: 777,
  name: "made-up",
  blockTimeMs: 1_000,
  confirmedDepth: 2,
  finality: { kind: "depth", depth: 3 },
  ledgerPartition: 9,
};
const chains = [...builtInChains, chain];
const topology = createTopology(chains);
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).toReversed()) await stop();
});

/** An ingestor over the in-memory broker, in this process, with a clock that a test can put forward. */
function startIngestor(settings: Partial<ChainSettings>, broker: MemoryBroker = makeBroker()) {
  const registry = new Registry();
  let offsetMs = 0;
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger({
    name: "ingestor",
    level: "info",
    destination: { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const service: Service = createIngestor(
    chains.map((one) => ({ ...chainDefaults, chain: one, ...(one === chain ? settings : {}) })),
    {
      broker,
      logger,
      metrics: createMetrics(metricCatalogue, registry),
      now: () => Date.now() + offsetMs,
    },
  );
  stops.push(() => service.stop(5_000));
  return {
    broker,
    service,
    lines,
    metrics: () => registry.metrics(),
    putForward: (ms: number) => (offsetMs += ms),
    published: (records: number) =>
      until(
        `${records} ledger records`,
        () => readLedger(broker, topology, chain),
        (ledger) => ledger.length >= records,
      ),
  };
}

function makeBroker(): MemoryBroker {
  return createMemoryBroker({
    topics: Object.fromEntries(topology.topics.map(({ name, partitions }) => [name, partitions])),
  });
}

async function startNode(count: number, visible: number): Promise<RecordedChain> {
  const blocks = await makeSyntheticBranch({ from: 1, count, logsOf: () => 4, salt: "node" });
  const node = await startRecordedChain({ chainId: chain.id, blocks, visible });
  stops.push(() => node.stop());
  return node;
}

test("readiness follows the age of the head, not the life of the process", async () => {
  const node = await startNode(5, 1);
  const { service, published, putForward } = startIngestor({ wsUrls: [node.wsUrl] });
  expect(service.notReady()).toEqual(["made-up: not elected yet"]);
  await service.start();
  await published(1);
  expect(service.notReady()).toEqual([]);
  putForward(31_000);
  expect(service.notReady()).toEqual([expect.stringMatching(/^made-up: the newest head is 3\d s old$/)]);
  node.next();
  await published(2);
  expect(service.notReady()).toEqual([]);
});

test("without a provider nothing runs, and it says which variable to set", async () => {
  const { service, lines } = startIngestor({});
  await service.start();
  expect(service.notReady()).toEqual(["no chain has a provider: set <CHAIN>_WS_URL"]);
  expect(lines.map((line) => line["msg"])).toContain("made-up is not run: MADE_UP_WS_URL is not set");
});

test("metrics say how far it is, what was checked and who answers", async () => {
  const node = await startNode(6, 6);
  const { service, published, metrics } = startIngestor({ wsUrls: [node.wsUrl], startBlock: 1 });
  await service.start();
  await published(7);
  const text = await metrics();
  const provider = new URL(node.wsUrl).host;
  expect(text).toContain('ethhook_ingestor_tip_block{chain="made-up"} 6');
  expect(text).toContain('ethhook_ingestor_finalized_block{chain="made-up"} 3');
  expect(text).toContain('ethhook_ingestor_head_lag_blocks{chain="made-up"} 0');
  expect(text).toContain('ethhook_ingestor_logs_published_total{chain="made-up",kind="new"} 24');
  expect(text).toContain('ethhook_ingestor_blocks_published_total{chain="made-up",kind="finalized"} 1');
  expect(text).toContain('ethhook_ingestor_leading{chain="made-up"} 1');
  expect(text).toContain(`ethhook_ingestor_provider_up{chain="made-up",provider="${provider}"} 1`);
  expect(text).toContain(
    `ethhook_ingestor_block_checks_total{chain="made-up",provider="${provider}",check="bloom",outcome="passed"} 6`,
  );
});

test("catching up from START_BLOCK reports its progress, and a restart goes on where it stood", async () => {
  const node = await startNode(300, 150);
  const first = startIngestor({ wsUrls: [node.wsUrl], startBlock: 1 });
  await first.service.start();
  await first.published(150);
  await first.service.stop(5_000);
  while (node.next());
  const second = startIngestor({ wsUrls: [node.wsUrl], startBlock: 1 }, first.broker);
  await second.service.start();
  const ledger = await until(
    "all 300 blocks",
    () => readLedger(first.broker, topology, chain),
    (records) => records.some(({ kind, number }) => kind === "added" && number === 300),
  );
  const added = ledger.filter(({ kind }) => kind === "added").map(({ number }) => number);
  expect(added).toEqual(Array.from({ length: 300 }, (_, index) => index + 1));
  expect(await readLogs(first.broker, topology, chain)).toHaveLength(1_200);
  const progress = second.lines.filter((line) => line["event"] === "backfill.progressed");
  expect(progress.at(-1)).toMatchObject({ blocks: 142, logs: 568, remaining: 0 });
});

test("a socket whose announcements stop is found out by asking another provider, and built again", async () => {
  const blocks = await makeSyntheticBranch({ from: 1, count: 9, logsOf: () => 1, salt: "shared" });
  const mute = await startRecordedChain({ chainId: chain.id, blocks, visible: 1 });
  const other = await startRecordedChain({ chainId: chain.id, blocks, visible: 1 });
  stops.push(
    () => mute.stop(),
    () => other.stop(),
  );
  const { service, published, lines } = startIngestor({ wsUrls: [mute.wsUrl], httpUrls: [other.httpUrl] });
  await service.start();
  await published(1);
  other.next();
  // Three block times are three seconds here.
  await published(2);
  const lost = await until(
    "the silent socket is given up",
    () => lines.find((line) => line["event"] === "provider.lost"),
    (line) => line !== undefined,
  );
  expect(lost?.["msg"]).toContain("announces nothing, while");
});

test("over HTTP alone the head is asked for", async () => {
  const node = await startNode(4, 1);
  const { service, published } = startIngestor({ httpUrls: [node.httpUrl] });
  await service.start();
  await published(1);
  node.next();
  await published(2);
  const polls = node.calls.get("eth_getBlockByNumber") ?? 0;
  expect(polls).toBeGreaterThan(0);
});

test("a provider of another chain is refused, and the chain waits for a right one", async () => {
  const wrong = await startRecordedChain({
    chainId: 1,
    blocks: await makeSyntheticBranch({ from: 1, count: 9, logsOf: () => 1, salt: "x" }),
    visible: 1,
  });
  stops.push(() => wrong.stop());
  const node = await startNode(3, 1);
  const { service, published, lines } = startIngestor({ wsUrls: [wrong.wsUrl, node.wsUrl] });
  await service.start();
  await published(1);
  // What it announces is not followed either, however high.
  while (wrong.next());
  node.next();
  const ledger = await published(2);
  expect(ledger.at(-1)?.hash).toBe(node.head.block.hash);
  expect(lines.filter((line) => line["failure"] === "wrong-chain").map((line) => line["msg"])).toContain(
    `${new URL(wrong.wsUrl).host} serves chain 1, not 777`,
  );
});
