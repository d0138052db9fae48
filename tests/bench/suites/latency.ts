import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startKafka } from "@ethhook/infra";
import { deliveryPartitions, logPartitions } from "@ethhook/topology";
import { bareDeliveries, bareLogs, startBarePath } from "../bare/path.ts";
import { median } from "../frame/compare.ts";
import type { Comparison, Contender, PreparedSuite, Result, Suite, SuiteContext } from "../frame/types.ts";
import { createLoad, type Load } from "../load/load.ts";
import { contractsOf } from "../load/transfers.ts";
import { startProduct } from "../product/services.ts";

const logsPerSecond = 1_000;
const endpointCount = 20;
const addressesPerEndpoint = 10;
/** Blocks of the made chain: ten a second, so that they bring as many logs as the writer does. */
const blockEveryMs = 100;
const logsPerBlock = (logsPerSecond * blockEveryMs) / 1000;
const baseId = 8453;

/** Log acknowledged → POST received at a steady rate, through the product and through bare loops. */
export const latency: Suite = {
  name: "latency",
  about: "log acknowledged to POST received at 1,000/s, beside bare kafkajs and undici loops",
  prepare,
};

/** What both ways have in common. */
interface Common {
  readonly brokers: readonly string[];
  readonly kafkaPid: number;
  /** Contracts of each endpoint. */
  readonly endpoints: readonly { readonly url: string; readonly addresses: readonly string[] }[];
  readonly load: Load;
  readonly secondsPerRun: number;
  readonly started: AsyncDisposableStack;
}

async function prepare({ secondsPerRun, progress }: SuiteContext): Promise<PreparedSuite> {
  await using started = new AsyncDisposableStack();
  const kafka = await startKafka();
  started.defer(() => kafka.stop());
  const { brokers } = kafka;
  const addresses = Array.from({ length: endpointCount }, (_, endpoint) =>
    contractsOf(endpoint, addressesPerEndpoint),
  );
  const topics = { [bareLogs]: logPartitions, [bareDeliveries]: deliveryPartitions };
  const load = started.use(await createLoad({ brokers, addresses: addresses.flat(), topics }));
  const endpoints = addresses.map((own, index) => ({ url: `${load.url}/${index}`, addresses: own }));
  const common: Common = { brokers, kafkaPid: kafka.pid, endpoints, load, secondsPerRun, started };
  progress("starting the product");
  const contenders = [...(await productWays(common)), await bareLoops(common)];
  const stack = started.move();
  return {
    settings: {
      logsPerSecond,
      blockEveryMs,
      logsPerBlock,
      secondsPerRun,
      endpoints: endpointCount,
      logPartitions,
      deliveryPartitions,
    },
    contenders,
    results,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The product's own processes, as they run in production: from a log in its topic, and from a block at its node. */
async function productWays(common: Common): Promise<readonly Contender[]> {
  const { brokers, kafkaPid, endpoints, load, secondsPerRun, started } = common;
  const logFolder = await mkdtemp(join(tmpdir(), "ethhook-bench-"));
  started.defer(() => rm(logFolder, { recursive: true, force: true }));
  const addresses = endpoints.flatMap((endpoint) => endpoint.addresses);
  const chain = started.use(await load.chain({ chainId: baseId, addresses, logsPerBlock }));
  const product = await startProduct(
    {
      brokers,
      logFolder,
      endpoints,
      services: ["matcher", "delivery", "ingestor"],
      baseUrl: chain.url,
    },
    started,
  );
  const { ingestor, ...services } = product.processes;
  const processes = { ...services, kafka: kafkaPid };
  const blocks = Math.round((secondsPerRun * 1000) / blockEveryMs);
  return [
    {
      name: "ethhook",
      processes: { ...processes, ...load.processes },
      run: () => load.run({ topic: "logs.ethereum", logsPerSecond, seconds: secondsPerRun }),
    },
    {
      name: "ethhook from the block",
      processes: { ...processes, ...(ingestor === undefined ? {} : { ingestor }), ...chain.processes },
      run: () => chain.run({ blocks, everyMs: blockEveryMs }),
    },
  ];
}

/** The limit. */
async function bareLoops(common: Common): Promise<Contender> {
  const { brokers, kafkaPid, endpoints, load, secondsPerRun, started } = common;
  const path = await startBarePath(brokers, endpoints, started);
  return {
    name: "bare loops",
    processes: { ...path, kafka: kafkaPid, ...load.processes },
    run: () => load.run({ topic: bareLogs, logsPerSecond, seconds: secondsPerRun }),
  };
}

function results(measured: Comparison): readonly Result[] {
  const p50 = median(measured, "ethhook", "p50Ms");
  return [
    { name: "latency.log_acked_to_post_p50_ms", value: p50, unit: "ms", goal: "<= 4.5" },
    {
      name: "latency.log_acked_to_post_p99_ms",
      value: median(measured, "ethhook", "p99Ms"),
      unit: "ms",
      goal: "<= 25",
    },
    {
      name: "latency.ratio_to_bare_path_p50",
      value: p50 / median(measured, "bare loops", "p50Ms"),
      unit: "ratio",
      goal: "<= 1.3",
    },
    {
      name: "latency.block_seen_to_post_p50_ms",
      value: median(measured, "ethhook from the block", "p50Ms"),
      unit: "ms",
      goal: "<= 15",
    },
    { name: "latency.lost_logs", value: lost(measured), unit: "logs", goal: "0" },
  ];
}

/** Logs of the product's measured runs that no POST came for, in the worst run. */
function lost(measured: Comparison): number {
  const runs = [...measured]
    .filter(([name]) => name.startsWith("ethhook"))
    .map(([, one]) => one.figures["lost"]?.max);
  return Math.max(...runs.map((value) => value ?? 0));
}
