import { createLogger, createMetrics, Registry } from "@ethhook/kit";
import { type Block, logsDigest } from "@ethhook/schemas";
import { metricCatalogue } from "@ethhook/topology";
import { expect, test } from "vitest";
import { hashOf } from "../testing/chain.ts";
import { createObserver } from "./metrics-observer.ts";

const block: Block = {
  v: 1,
  kind: "added",
  chainId: 1,
  sequence: 7,
  addedSequence: 7,
  number: 7,
  hash: hashOf("a7"),
  parentHash: hashOf("a6"),
  timestamp: 1_700_000_000,
  logCount: 3,
  digest: logsDigest([]),
  proof: "bloom",
  seenAtMs: 1,
};

test("what must not happen unseen is counted for the alerts, and said as an error", async () => {
  const registry = new Registry();
  const lines: Record<string, unknown>[] = [];
  const observer = createObserver({
    chain: { name: "ethereum" },
    logger: createLogger({
      name: "test",
      level: "error",
      destination: { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) },
    }),
    metrics: createMetrics(metricCatalogue, registry),
    now: () => 7,
  });
  observer.bodiesLost(block);
  observer.finalityConflict(block);
  observer.checked("a.example", "header-hash", "admitted");
  const text = await registry.metrics();
  expect(text).toContain('ethhook_ingestor_removals_incomplete_total{chain="ethereum"} 1');
  expect(text).toContain('ethhook_ingestor_finality_conflicts_total{chain="ethereum"} 1');
  expect(text).toContain(
    'ethhook_ingestor_block_checks_total{chain="ethereum",provider="a.example",check="header-hash",outcome="admitted"} 1',
  );
  expect(lines.map((line) => line["event"])).toEqual([
    "removal.incomplete",
    "finality.conflict",
    "header.admitted",
  ]);
});
