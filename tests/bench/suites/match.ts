import { createKafka, createLogger } from "@ethhook/kit";
import { startKafka, startPostgres } from "@ethhook/infra";
import type { Log } from "@ethhook/schemas";
import { builtInChains, createTopology, logPartitions, toRecord } from "@ethhook/topology";
import { realBlocks, realLogs } from "../../support/real-logs.ts";
import { createTopics } from "../../support/topics.ts";
import type { BareDrain } from "../bare/match-loop.ts";
import type { MeasureHop } from "../bare/match-latency.ts";
import { median } from "../frame/compare.ts";
import type { Comparison, Contender, PreparedSuite, Result, Suite, SuiteContext } from "../frame/types.ts";
import { startWorker, type Worker } from "../load/worker.ts";
import { createFilterDatabase } from "../product/match-filters.ts";
import type { IndexFigures } from "../product/match-index-worker.ts";
import type { Drained, MatchRequest } from "../product/match-worker.ts";

const endpoints = 10_000;
const listAddresses = 100_000;
/** Repetitions of Ethereum block 18,000,000 in the topic. */
const blocks = 1_200;
/** Of the logs of a run, those before the measurement: filters are loaded and code is compiled meanwhile. */
const warmLogs = 100_000;
/** Logs for the naive way, which would need minutes for all. */
const sqlLogs = 20_000;
const sqlWarmLogs = 5_000;
const hopLogsPerSecond = 1_000;
const topic = "logs.ethereum";

/** Logs matched per CPU second from a filled topic, and what the hop adds to a log's way. */
export const match: Suite = {
  name: "match",
  about:
    "logs matched per CPU second with 10,000 endpoints, beside the bare consume-and-parse loop and SQL per batch",
  prepare,
};

async function prepare({ secondsPerRun, progress }: SuiteContext): Promise<PreparedSuite> {
  await using started = new AsyncDisposableStack();
  const [kafka, postgres] = await Promise.all([startKafka(), startPostgres()]);
  started.defer(() => kafka.stop());
  started.defer(() => postgres.stop());
  const { brokers } = kafka;
  const logs = await realLogs(realBlocks[0]);
  progress("writing the endpoints");
  const few = contractsFor(logs, 0.01);
  const filters = { endpoints, listAddresses };
  const fewUrl = await createFilterDatabase(postgres.url, "match_few", {
    ...filters,
    matching: few.contracts,
  });
  const allUrl = await createFilterDatabase(postgres.url, "match_all", { ...filters, matching: null });
  // After the endpoints: a filter does not see what was there before it.
  progress(`filling ${topic} with ${blocks * logs.length} real logs`);
  await fill(brokers, logs);
  const worker = async (module: URL, settings: object): Promise<Worker> =>
    started.use(await startWorker(module, { brokers, ...settings }));
  const workers: Workers = {
    few: await worker(new URL("../product/match-worker.ts", import.meta.url), { databaseUrl: fewUrl }),
    all: await worker(new URL("../product/match-worker.ts", import.meta.url), { databaseUrl: allUrl }),
    bare: await worker(new URL("../bare/match-loop.ts", import.meta.url), {}),
    sql: await worker(new URL("../bare/match-sql.ts", import.meta.url), { databaseUrl: fewUrl }),
    index: await worker(new URL("../product/match-index-worker.ts", import.meta.url), {}),
    hop: await worker(new URL("../bare/match-latency.ts", import.meta.url), {}),
  };
  const engines = { kafka: kafka.pid, postgres: postgres.pid };
  const stack = started.move();
  return {
    settings: {
      endpoints,
      listAddresses,
      lists: 2,
      logs: blocks * logs.length,
      warmLogs,
      partitions: logPartitions,
      compression: "none",
      matchRate: few.share.toFixed(4),
      sqlLogs,
      hopLogsPerSecond,
    },
    contenders: contendersOf(workers, engines, logs, secondsPerRun),
    results,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

type Workers = Readonly<Record<"few" | "all" | "bare" | "sql" | "index" | "hop", Worker>>;

function contendersOf(
  { few, all, bare, sql, index, hop }: Workers,
  engines: { readonly kafka: number; readonly postgres: number },
  logs: readonly Log[],
  seconds: number,
): Contender[] {
  const total = blocks * logs.length;
  const ask = async (worker: Worker, count: number, warm: number) =>
    perSecond(await worker.ask<Drained>({ topic, logs: count, warmLogs: warm } satisfies BareDrain));
  return [
    { name: "ethhook at 1 %", processes: { matcher: few.pid, ...engines }, run: () => drain(few, total) },
    { name: "ethhook at 100 %", processes: { matcher: all.pid, ...engines }, run: () => drain(all, total) },
    {
      name: "bare loop",
      processes: { loop: bare.pid, kafka: engines.kafka },
      run: () => ask(bare, total, warmLogs),
    },
    {
      name: "SQL per batch of 100",
      processes: { loop: sql.pid, ...engines },
      run: () => ask(sql, sqlLogs, sqlWarmLogs),
    },
    {
      name: "index",
      processes: { index: index.pid },
      run: async () => ({ ...(await index.ask<IndexFigures>({})) }),
    },
    {
      name: "hop",
      processes: { matcher: all.pid, ...engines },
      run: () => measureHop(all, hop, logs, seconds),
    },
  ];
}

/** Contracts that have about this share of the logs: the rarest first, so that many contracts take part. */
export function contractsFor(
  logs: readonly Log[],
  share: number,
): { contracts: readonly string[]; share: number } {
  const counts = [...Map.groupBy(logs, (log) => log.address)].map(([address, of]) => ({
    address,
    count: of.length,
  }));
  const contracts: string[] = [];
  let count = 0;
  for (const one of counts.toSorted((a, b) => a.count - b.count)) {
    if (count + one.count > logs.length * share) break;
    contracts.push(one.address);
    count += one.count;
  }
  return { contracts, share: count / logs.length };
}

export async function fill(brokers: readonly string[], logs: readonly Log[]): Promise<void> {
  const topology = createTopology(builtInChains);
  const logger = createLogger({ name: "bench", level: "silent" });
  const kafka = createKafka({ brokers, clientId: "bench", logger });
  await createTopics(kafka, topology);
  const producer = kafka.producer();
  await producer.start();
  for (let block = 0; block < blocks; block += 20) {
    const some = Array.from({ length: 20 }, (_, at) => blockOf(logs, block + at + 1)).flat();
    await producer.send(some.map((log) => toRecord(topology.logs.of(1), log)));
  }
  await producer.stop();
}

/** The real block once more, under a sequence and a hash of its own. */
function blockOf(logs: readonly Log[], sequence: number): Log[] {
  const blockHash = `0x${sequence.toString(16).padStart(64, "0")}`;
  return logs.map((log) => ({ ...log, blockHash, sequence, addedSequence: sequence }));
}

async function drain(worker: Worker, logs: number): Promise<Readonly<Record<string, number>>> {
  const request: MatchRequest = { kind: "drain", topic, partitions: logPartitions, logs, warmLogs };
  const drained = await worker.ask<Drained>(request);
  const { deliveries, queries } = drained;
  return { ...perSecond(drained), deliveries, queriesPerBatch: queries / (drained.logs / 100) };
}

function perSecond({ logs, seconds, cpuSeconds }: Pick<Drained, "logs" | "seconds" | "cpuSeconds">) {
  return {
    logsPerSecond: logs / seconds,
    ...(cpuSeconds === undefined ? {} : { logsPerCpuSecond: logs / cpuSeconds }),
  };
}

let hopSequence = 1_000_000;

async function measureHop(matcher: Worker, hop: Worker, logs: readonly Log[], seconds: number) {
  await matcher.ask({ kind: "start" } satisfies MatchRequest);
  const request: MeasureHop = { logs, logsPerSecond: hopLogsPerSecond, seconds, firstSequence: hopSequence };
  hopSequence += 1_000_000;
  const figures = await hop.ask<Readonly<Record<string, number>>>(request);
  await matcher.ask({ kind: "stop" } satisfies MatchRequest);
  return figures;
}

function results(measured: Comparison): readonly Result[] {
  const cpu = (contender: string): number => median(measured, contender, "logsPerCpuSecond");
  const wall = (contender: string): number => median(measured, contender, "logsPerSecond");
  const few = "ethhook at 1 %";
  return [
    { name: "match.logs_per_cpu_second", value: cpu(few), unit: "logs/s", goal: ">= 50000" },
    { name: "match.logs_per_cpu_second_all_match", value: cpu("ethhook at 100 %"), unit: "logs/s" },
    { name: "match.ratio_to_bare_loop", value: cpu(few) / cpu("bare loop"), unit: "ratio", goal: ">= 0.6" },
    { name: "match.ratio_to_sql_per_batch", value: wall(few) / wall("SQL per batch of 100"), unit: "ratio" },
    {
      name: "match.queries_per_batch",
      value: median(measured, few, "queriesPerBatch"),
      unit: "queries",
      goal: "0",
    },
    {
      name: "match.index_bytes_per_address",
      value: median(measured, "index", "bytesPerAddress"),
      unit: "bytes",
      goal: "<= 300",
    },
    {
      name: "match.add_filter_ms",
      value: median(measured, "index", "addFilterMs"),
      unit: "ms",
      goal: "<= 1",
    },
    { name: "match.p50_added_ms", value: median(measured, "hop", "p50Ms"), unit: "ms" },
    { name: "match.p99_added_ms", value: median(measured, "hop", "p99Ms"), unit: "ms" },
  ];
}
