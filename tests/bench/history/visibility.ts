import { createKafka, createLogger, type Producer } from "@ethhook/kit";
import type { Log } from "@ethhook/schemas";
import { builtInChains, createTopology, toRecord } from "@ethhook/topology";
import { realBlocks, realLogs } from "../../support/real-logs.ts";
import { percentile } from "../frame/statistics.ts";
import { moldOf } from "./block-mold.ts";
import { createRandom } from "./random.ts";
import { poll, rowsOf, type Stage } from "./stage.ts";

const topology = createTopology(builtInChains);
/** A chain that nothing else of the benchmark writes to. */
const chainId = 10;
const tickMs = 100;
const lookEveryMs = 5;
const patienceMs = 30_000;

export interface Visibility extends AsyncDisposable {
  /** Writes logs at a steady rate and looks for their rows. @returns milliseconds from acknowledged to seen by a query. */
  run(logsPerSecond: number, seconds: number): Promise<Readonly<Record<string, number>>>;
}

export async function createVisibility({ brokers, db }: Stage): Promise<Visibility> {
  const logger = createLogger({ name: "bench", level: "warn" });
  const kafka = createKafka({
    brokers,
    clientId: "bench-visible",
    logger,
    writes: (name) => topology.topics.find((topic) => topic.name === name),
  });
  const producer = kafka.producer();
  await producer.start();
  const mold = moldOf(await realLogs(realBlocks[0]), chainId);
  const random = createRandom("visible");
  let block = 1;

  async function run(logsPerSecond: number, seconds: number): Promise<Readonly<Record<string, number>>> {
    const first = block;
    const perBlock = Math.round((logsPerSecond * tickMs) / 1_000);
    const last = first + Math.round((seconds * 1_000) / tickMs) - 1;
    block = last + 1;
    const ackedMs = new Map<string, number>();
    const cast = (number: number) => mold.cast({ number, seenAtMs: Date.now() }, random).slice(0, perBlock);
    const writing = write(producer, { first, last }, cast, ackedMs);
    const seenMs = await watch(db, first, (last - first + 1) * perBlock);
    await writing;
    const waits = [...seenMs].map(([key, atMs]) => Math.max(0, atMs - (ackedMs.get(key) ?? Number.NaN)));
    waits.sort((a, b) => a - b);
    return {
      p50Ms: percentile(waits, 50),
      p99Ms: percentile(waits, 99),
      maxMs: percentile(waits, 100),
      logs: waits.length,
    };
  }
  return { run, [Symbol.asyncDispose]: () => producer.stop() };
}

const keyOf = (number: number, logIndex: number): string => `${number}:${logIndex}`;

async function write(
  producer: Producer,
  { first, last }: { readonly first: number; readonly last: number },
  cast: (number: number) => readonly Log[],
  ackedMs: Map<string, number>,
): Promise<void> {
  const startedMs = performance.now();
  const sends: Promise<void>[] = [];
  for (let number = first; number <= last; number += 1) {
    const waitMs = startedMs + (number - first) * tickMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const logs = cast(number);
    const records = logs.map((log) => toRecord(topology.logs.of(chainId), log));
    sends.push(
      producer.send(records).then(() => {
        for (const { logIndex } of logs) ackedMs.set(keyOf(number, logIndex), performance.now());
      }),
    );
  }
  await Promise.all(sends);
}

/** When each log was first in the answer of a query. */
async function watch(db: Stage["db"], first: number, count: number): Promise<ReadonlyMap<string, number>> {
  const seenMs = new Map<string, number>();
  let from = first;
  const look = async (): Promise<number> => {
    const rows = await rowsOf<{ n: string; i: number[] }>(
      db,
      `SELECT block_number AS n, groupArray(log_index) AS i FROM logs
       WHERE chain_id = ${chainId} AND block_number >= ${from} GROUP BY n ORDER BY n`,
    );
    const atMs = performance.now();
    for (const { n, i } of rows) {
      for (const index of i) {
        const key = keyOf(Number(n), index);
        if (!seenMs.has(key)) seenMs.set(key, atMs);
      }
    }
    // Blocks are complete long before those of five seconds later.
    from = Math.max(first, Number(rows.at(-1)?.n ?? first) - 5_000 / tickMs);
    return seenMs.size;
  };
  await poll("logs in ClickHouse", look, (seen) => seen >= count, {
    everyMs: lookEveryMs,
    withinMs: patienceMs + count / 10,
  });
  return seenMs;
}
