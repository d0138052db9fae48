import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { createKafka, createLogger } from "@ethhook/kit";
import { nodeFlags } from "@ethhook/scripts/node-settings";
import { startKafka } from "@ethhook/infra";
import { builtInChains, type Chain, createTopology, logPartitions } from "@ethhook/topology";
import { startIngestorProcess } from "../../support/ingestor-process.ts";
import { createTopics } from "../../support/topics.ts";
import { until } from "../../support/until.ts";
import type { Ingested, NaiveIngest } from "../bare/naive-ingest.ts";
import { median } from "../frame/compare.ts";
import { cpuSecondsOf } from "../frame/cpu.ts";
import { percentile } from "../frame/statistics.ts";
import type { Comparison, Contender, PreparedSuite, Result, Suite, SuiteContext } from "../frame/types.ts";
import type { BlockNodeRequest, BlockNodeSettings, Grown } from "../load/block-node.ts";
import { startWorker, type Worker } from "../load/worker.ts";
import type { Drained, IngestRequest, IngestWorkerSettings } from "../product/ingest-worker.ts";

/** Logs of the recorded block. */
const blockLogs = 291;
/** Logs of a block in which a head's way is measured: what a chain of short blocks brings, and a full one beside it. */
const headLogs = 100;
/** Blocks that one run catches up. */
const blocksPerRun = 250;
/** Logs for the naive way, which would need minutes for all. */
const naiveLogs = 3_000;
const headEveryMs = 250;
const fourChainsLogsPerSecond = 2_000;
const idleBlockEveryMs = 2_000;
const naiveTopic = "bare.ingest";

/** A chain of its own, so that the four built-in ones are free for the process that runs all of them. */
const chain: Chain = {
  id: 31_337,
  name: "bench",
  blockTimeMs: 12_000,
  confirmedDepth: 12,
  finality: { kind: "tag" },
  ledgerPartition: 20,
};
const notVerified = "bloom:off,header-hash:off,receipts-root:off";

/** A recorded chain to acknowledged records: per CPU second, per head, and what it costs to wait. */
export const ingest: Suite = {
  name: "ingest",
  about: "logs proven and published per CPU second, beside the same unproven and ethers with a send a log",
  prepare,
};

async function prepare({ secondsPerRun, progress }: SuiteContext): Promise<PreparedSuite> {
  await using started = new AsyncDisposableStack();
  const kafka = await startKafka();
  started.defer(() => kafka.stop());
  const { brokers } = kafka;
  await createAllTopics(brokers);
  const node = started.use(await startNode({ chainIds: [chain.id] }));
  const four = started.use(await startNode({ chainIds: builtInChains.map(({ id }) => id) }));
  const [url = ""] = await node.ask<string[]>({ kind: "urls" } satisfies BlockNodeRequest);
  const product = async (checks: string): Promise<Worker> =>
    started.use(
      await startWorker(new URL("../product/ingest-start-worker.ts", import.meta.url), {
        brokers,
        env: {
          CHAINS_EXTRA: JSON.stringify([chain]),
          BENCH_WS_URL: url,
          BENCH_START_BLOCK: "1",
          BENCH_CHECKS: checks,
        },
      } satisfies IngestWorkerSettings),
    );
  const workers = {
    verified: await product(""),
    unverified: await product(notVerified),
    naive: started.use(
      await startWorker(new URL("../bare/naive-ingest.ts", import.meta.url), { brokers, url }),
    ),
  };
  progress("starting an ingestor of four chains");
  const ingestor = await startFourChains(brokers, four, started);
  const stack = started.move();
  return {
    settings: {
      block: "the logs of Ethereum block 18,000,000, chained anew",
      blocksPerRun,
      naiveLogs,
      headEveryMs,
      headLogs,
      idleBlockEveryMs,
      fourChainsLogsPerSecond,
      partitions: logPartitions,
      compression: "zstd",
    },
    contenders: [
      ...catchingUp(workers, node, kafka.pid),
      following("head to acked", headLogs, workers.verified, node, kafka.pid, secondsPerRun),
      following("head of a full block to acked", blockLogs, workers.verified, node, kafka.pid, secondsPerRun),
      ...fourChains(ingestor.pid, four, kafka.pid, secondsPerRun),
    ],
    results,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

const startNode = (settings: BlockNodeSettings): Promise<Worker> =>
  startWorker(new URL("../load/block-node.ts", import.meta.url), settings);

async function createAllTopics(brokers: readonly string[]): Promise<void> {
  const logger = createLogger({ name: "bench", level: "silent" });
  const kafka = createKafka({ brokers, clientId: "bench", logger });
  await createTopics(kafka, createTopology([...builtInChains, chain]));
  const admin = kafka.admin();
  await admin.createTopics([
    { name: naiveTopic, partitions: logPartitions, replicationFactor: 1, configs: {} },
  ]);
  await admin.close();
}

/** As the image has it: without, a process also holds what strips the types. */
async function fillCompileCache(started: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "ethhook-bench-"));
  started.defer(() => rm(folder, { recursive: true, force: true }));
  const main = fileURLToPath(new URL("../../../services/ingestor/src/main.ts", import.meta.url));
  const fill = [...nodeFlags, main, "--help"];
  await promisify(execFile)(process.execPath, fill, { env: { NODE_COMPILE_CACHE: folder } });
  return folder;
}

/** One process as production runs it, with every chain that EthHook knows. */
async function startFourChains(
  brokers: readonly string[],
  four: Worker,
  started: AsyncDisposableStack,
): Promise<{ readonly pid: number }> {
  const urls = await four.ask<string[]>({ kind: "urls" } satisfies BlockNodeRequest);
  const ingestor = startIngestorProcess({
    KAFKA_BROKERS: brokers.join(","),
    NODE_COMPILE_CACHE: await fillCompileCache(started),
    ...Object.fromEntries(
      builtInChains.map(({ name }, at) => [`${name.toUpperCase()}_WS_URL`, urls[at] ?? ""]),
    ),
  });
  started.defer(() => ingestor.stop());
  const opened = () => ingestor.lines.filter(({ event }) => event === "ledger.opened").length;
  await until("four chains are led", opened, (count) => count === builtInChains.length, 30_000);
  return ingestor;
}

interface Workers {
  readonly verified: Worker;
  readonly unverified: Worker;
  readonly naive: Worker;
}

/** Both ways of the product follow one ledger, by turns: each run begins where the one before ended. */
function catchingUp(workers: Workers, node: Worker, kafka: number): Contender[] {
  const drain = async (worker: Worker) => {
    const { heads } = await node.ask<Grown>({
      kind: "grow",
      blocks: blocksPerRun,
    } satisfies BlockNodeRequest);
    const request: IngestRequest = { kind: "drain", until: heads[0] ?? 0 };
    return perSecond(await worker.ask<Drained>(request));
  };
  const { verified, unverified, naive } = workers;
  return [
    { name: "ethhook", processes: { ingestor: verified.pid, kafka }, run: () => drain(verified) },
    {
      name: "ethhook unverified",
      processes: { ingestor: unverified.pid, kafka },
      run: () => drain(unverified),
    },
    {
      name: "ethers and a send a log",
      processes: { loop: naive.pid, kafka },
      async run() {
        const request: NaiveIngest = { topic: naiveTopic, fromBlock: 2, logs: naiveLogs };
        return perSecond(await naive.ask<Ingested>(request));
      },
    },
  ];
}

function perSecond({ logs, seconds, cpuSeconds }: Pick<Drained, "logs" | "seconds" | "cpuSeconds">) {
  return { logs, logsPerSecond: logs / seconds, logsPerCpuSecond: logs / cpuSeconds };
}

/** Heads at a steady pace, from the moment when the node sends one to the acknowledged transaction. */
function following(
  name: string,
  logs: number,
  worker: Worker,
  node: Worker,
  kafka: number,
  seconds: number,
): Contender {
  return {
    name,
    processes: { ingestor: worker.pid, node: node.pid, kafka },
    async run() {
      const before = await node.ask<Grown>({ kind: "grow", blocks: 1 } satisfies BlockNodeRequest);
      await worker.ask({ kind: "start", until: before.heads[0] ?? 0 } satisfies IngestRequest);
      const blocks = Math.round((seconds * 1000) / headEveryMs);
      const announce: BlockNodeRequest = { kind: "announce", blocks, everyMs: headEveryMs, logs };
      const { heads, announcedMs } = await node.ask<Grown>(announce);
      const stop: IngestRequest = { kind: "stop", until: heads[0] ?? 0 };
      const { ackedMs, transactionMs } = await worker.ask<Drained>(stop);
      const took = [...announcedMs].map(([hash, atMs]) => (ackedMs.get(hash) ?? Number.NaN) - atMs);
      took.sort((a, b) => a - b);
      return {
        p50Ms: percentile(took, 50),
        p99Ms: percentile(took, 99),
        maxMs: percentile(took, 100),
        transactionP50Ms: percentile(
          transactionMs.toSorted((a, b) => a - b),
          50,
        ),
      };
    },
  };
}

function fourChains(ingestor: number, four: Worker, kafka: number, seconds: number): Contender[] {
  const processes = { ingestor, node: four.pid, kafka };
  const measured = async (everyMs: number, logs: number) => {
    const blocks = Math.max(1, Math.round((seconds * 1000) / everyMs));
    const cpu = cpuSecondsOf(ingestor);
    const startedMs = performance.now();
    await four.ask<Grown>({ kind: "announce", blocks, everyMs, logs } satisfies BlockNodeRequest);
    const tookSeconds = (performance.now() - startedMs) / 1000;
    const cpuPercent = ((cpuSecondsOf(ingestor) - cpu) / tookSeconds) * 100;
    return {
      cpuPercent,
      cpuPercentPerChain: cpuPercent / builtInChains.length,
      rssMb: memoryMb(ingestor, "VmRSS"),
      peakRssMb: memoryMb(ingestor, "VmHWM"),
    };
  };
  return [
    { name: "four idle chains", processes, run: () => measured(idleBlockEveryMs, 0) },
    {
      name: "four chains at 2,000 logs/s",
      processes,
      run: () => measured((builtInChains.length * blockLogs * 1000) / fourChainsLogsPerSecond, blockLogs),
    },
  ];
}

/** Memory of a process, in millions of bytes. */
function memoryMb(pid: number, what: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return (Number(new RegExp(`${what}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1_024) / 1e6;
}

function results(measured: Comparison): readonly Result[] {
  const cpu = (contender: string): number => median(measured, contender, "logsPerCpuSecond");
  const wall = (contender: string): number => median(measured, contender, "logsPerSecond");
  const naive = "ethers and a send a log";
  const loaded = "four chains at 2,000 logs/s";
  return [
    { name: "ingest.logs_per_cpu_second", value: cpu("ethhook"), unit: "logs/s", goal: ">= 20000" },
    {
      name: "ingest.ratio_to_unverified",
      value: cpu("ethhook") / cpu("ethhook unverified"),
      unit: "ratio",
      goal: ">= 0.8",
    },
    { name: "ingest.ratio_to_naive", value: wall("ethhook") / wall(naive), unit: "ratio", goal: ">= 10" },
    { name: "ingest.cpu_ratio_to_naive", value: cpu("ethhook") / cpu(naive), unit: "ratio" },
    {
      name: "ingest.head_to_acked_p50_ms",
      value: median(measured, "head to acked", "p50Ms"),
      unit: "ms",
      goal: "<= 12",
    },
    {
      name: "ingest.full_block_to_acked_p50_ms",
      value: median(measured, "head of a full block to acked", "p50Ms"),
      unit: "ms",
    },
    {
      name: "ingest.idle_cpu_percent_per_chain",
      value: median(measured, "four idle chains", "cpuPercentPerChain"),
      unit: "%",
      goal: "<= 1",
    },
    {
      name: "ingest.four_chains_rss_mb",
      value: median(measured, loaded, "rssMb"),
      unit: "MB",
      goal: "<= 100",
    },
    { name: "ingest.four_chains_cpu_percent", value: median(measured, loaded, "cpuPercent"), unit: "%" },
  ];
}
