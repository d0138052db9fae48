import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startKafka } from "@ethhook/infra";
import { deliveryPartitions, logPartitions } from "@ethhook/topology";
import { bareDeliveries, bareLogs, startBarePath } from "../bare/path.ts";
import { median } from "../frame/compare.ts";
import { cpuSecondsOf } from "../frame/cpu.ts";
import { watchMemory } from "../frame/memory.ts";
import type { Comparison, Contender, PreparedSuite, Result, Suite, SuiteContext } from "../frame/types.ts";
import { createLoad, type Load } from "../load/load.ts";
import { contractsOf } from "../load/transfers.ts";
import { startProduct } from "../product/services.ts";

const endpointCount = 20;
const addressesPerEndpoint = 10;
/** Logs that are written at once: how fast, and at what cost, they become POSTs. */
const burstLogs = 40_000;
/** The rate at which latency is measured: half of the goal, so that it is the path's and not a queue's. */
const logsPerSecond = 3_000;
const productName = "ethhook";
const bareName = "bare loops";

/** Logs in the topic → POSTs received, through the product's own processes, with the CPU time of everything. */
export const system: Suite = {
  name: "system",
  about: "logs in the topic to POSTs received: deliveries per second, and per CPU second of every process",
  prepare,
};

async function prepare({ secondsPerRun, progress }: SuiteContext): Promise<PreparedSuite> {
  await using started = new AsyncDisposableStack();
  const kafka = await startKafka();
  started.defer(() => kafka.stop());
  const { brokers } = kafka;
  const contracts = Array.from({ length: endpointCount }, (_, endpoint) =>
    contractsOf(endpoint, addressesPerEndpoint),
  );
  const topics = { [bareLogs]: logPartitions, [bareDeliveries]: deliveryPartitions };
  const load = started.use(await createLoad({ brokers, addresses: contracts.flat(), topics }));
  const endpoints = contracts.map((addresses, index) => ({ url: `${load.url}/${index}`, addresses }));
  const logFolder = await mkdtemp(join(tmpdir(), "ethhook-bench-"));
  started.defer(() => rm(logFolder, { recursive: true, force: true }));
  progress("starting the product");
  const services = ["matcher", "delivery"];
  const product = await startProduct({ brokers, logFolder, endpoints, services }, started);
  const bare = await startBarePath(brokers, endpoints, started);
  const engines = { kafka: kafka.pid };
  const contenders = [
    ...ways(productName, "logs.ethereum", { ...product.processes, ...engines }, load, secondsPerRun),
    ...ways(bareName, bareLogs, { ...bare, ...engines }, load, secondsPerRun),
  ];
  const stack = started.move();
  return {
    settings: {
      burstLogs,
      logsPerSecond,
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

/** One path, with a full topic before it and at a steady rate. Its processes are all that work for it, the engines too. */
function ways(
  name: string,
  topic: string,
  path: Readonly<Record<string, number>>,
  load: Load,
  seconds: number,
): Contender[] {
  const processes = { ...path, ...load.processes };
  const cpuOfAll = (): number => Object.values(path).reduce((sum, pid) => sum + cpuSecondsOf(pid), 0);
  return [
    {
      name,
      processes,
      async run() {
        const memory = watchMemory(path["delivery"] ?? 0);
        const before = cpuOfAll();
        const { seconds: took, lost = 0, repeated = 0 } = await load.burst(topic, burstLogs);
        const used = cpuOfAll() - before;
        return {
          deliveriesPerSecond: burstLogs / took,
          deliveriesPerCpuSecondAll: burstLogs / used,
          deliveryRssMiB: memory.peakMiB(),
          lost,
          repeated,
        };
      },
    },
    {
      name: steadily(name),
      processes,
      run: () => load.run({ topic, logsPerSecond, seconds }),
    },
  ];
}

const steadily = (name: string): string => `${name} at ${logsPerSecond}/s`;

function results(measured: Comparison): readonly Result[] {
  const rate = median(measured, productName, "deliveriesPerSecond");
  const perCpu = median(measured, productName, "deliveriesPerCpuSecondAll");
  const lost = [productName, steadily(productName)].map((name) => measured.get(name)?.figures["lost"]?.max);
  return [
    { name: "system.deliveries_per_second", value: rate, unit: "deliveries/s", goal: ">= 6000" },
    {
      name: "system.deliveries_per_cpu_second_all",
      value: perCpu,
      unit: "deliveries/s",
      goal: ">= 4000",
    },
    { name: "system.p50_ms", value: median(measured, steadily(productName), "p50Ms"), unit: "ms" },
    { name: "system.p99_ms", value: median(measured, steadily(productName), "p99Ms"), unit: "ms" },
    {
      name: "system.ratio_to_bare_path_rate",
      value: rate / median(measured, bareName, "deliveriesPerSecond"),
      unit: "ratio",
    },
    {
      name: "system.ratio_to_bare_path_per_cpu_second",
      value: perCpu / median(measured, bareName, "deliveriesPerCpuSecondAll"),
      unit: "ratio",
    },
    {
      name: "system.lost_logs",
      value: Math.max(...lost.map((value) => value ?? 0)),
      unit: "logs",
      goal: "0",
    },
  ];
}
