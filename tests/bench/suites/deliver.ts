import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startKafka } from "@ethhook/infra";
import { deliveryPartitions } from "@ethhook/topology";
import type { BarePosts, Posted } from "../bare/posts.ts";
import type { NaiveDelivery } from "../bare/naive-delivery.ts";
import { createBareTopics } from "../bare/topics.ts";
import { median } from "../frame/compare.ts";
import { cpuSecondsOf } from "../frame/cpu.ts";
import { watchMemory } from "../frame/memory.ts";
import type { Comparison, Contender, PreparedSuite, Result, Suite, SuiteContext } from "../frame/types.ts";
import { createDeliveryLoad, type DeliveryLoad, type Endpoints } from "../load/delivery-load.ts";
import { startWorker, type Worker } from "../load/worker.ts";
import { startProduct } from "../product/services.ts";

const topic = "deliveries";
const naiveTopic = "bare.deliveries";
/**
 * Deliveries of the run at full rate, and POSTs of the bare loops: as many, or else the loops would be measured before V8 has compiled
 * them (undici alone makes twice as many a second after 20,000).
 */
const posts = 40_000;
const naivePosts = 2_000;
const concurrency = 50;
/** Rate at which some endpoints hang: a shared pool of any size below 15,000 would be full within their timeout. */
const steadyPerSecond = 1_000;
const outagePerSecond = 500;
const manyEndpoints = 100;
const fewEndpoints = 20;
const bareClients = ["undici", "axios", "axios over undici"] as const;

/** POSTs per CPU second of the delivery process, and what endpoints in trouble do to the others. */
export const deliver: Suite = {
  name: "deliver",
  about:
    "signed POSTs per CPU second beside bare undici, bare axios and a naive consumer; hanging and failing endpoints",
  prepare,
};

/** What the ways of delivering have in common. */
interface Stage {
  readonly load: DeliveryLoad;
  readonly many: Endpoints;
  readonly few: Endpoints;
  readonly delivery: number;
  readonly engines: Readonly<Record<string, number>>;
  readonly context: SuiteContext;
}

async function prepare(context: SuiteContext): Promise<PreparedSuite> {
  await using started = new AsyncDisposableStack();
  const kafka = await startKafka();
  started.defer(() => kafka.stop());
  const { brokers } = kafka;
  const logFolder = await mkdtemp(join(tmpdir(), "ethhook-bench-"));
  started.defer(() => rm(logFolder, { recursive: true, force: true }));
  const load = (name: string) => new URL(`../load/${name}.ts`, import.meta.url);
  const receiver = started.use(await startWorker(load("receiver"), { port: 0 }));
  const url = `http://127.0.0.1:${await receiver.ask<number>({ port: true })}`;
  const paths = Array.from({ length: manyEndpoints + fewEndpoints }, (_, index) => `/${index}`);
  context.progress("starting the product");
  const { processes, endpointIds } = await startProduct(
    {
      brokers,
      logFolder,
      endpoints: paths.map((path) => ({ url: url + path, addresses: [`0x${"c0".repeat(20)}`] })),
      services: ["delivery"],
    },
    started,
  );
  const { delivery = 0, postgres = 0 } = processes;
  await createBareTopics(brokers, { [naiveTopic]: deliveryPartitions });
  const writer = started.use(await startWorker(load("delivery-writer"), { brokers }));
  const of = (from: number, to: number): Endpoints => ({
    ids: endpointIds.slice(from, to),
    paths: paths.slice(from, to),
  });
  const stage: Stage = {
    load: createDeliveryLoad(writer, receiver),
    many: of(0, manyEndpoints),
    few: of(manyEndpoints, manyEndpoints + fewEndpoints),
    delivery,
    engines: { kafka: kafka.pid, postgres },
    context,
  };
  const contenders = [
    fullRate(stage),
    ...(await bareLoops(stage, url, started)),
    await naive(stage, brokers, url, started),
    ...hanging(stage),
    idle(stage),
    outage(stage),
  ];
  const stack = started.move();
  return {
    settings: {
      posts,
      naivePosts,
      bodyBytes: sampleBody.length,
      concurrency,
      endpoints: manyEndpoints,
      steadyPerSecond,
      secondsPerRun: context.secondsPerRun,
      outagePerSecond,
      outageSeconds: context.outageSeconds,
    },
    contenders,
    results,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** The product's delivery process on a full topic: signed, each attempt recorded, offsets committed. */
function fullRate({ load, many, delivery, engines }: Stage): Contender {
  return {
    name: "ethhook",
    processes: { delivery, ...engines },
    async run() {
      const memory = watchMemory(delivery);
      const cpuBefore = cpuSecondsOf(delivery);
      const { seconds, lost, repeated } = await load.burst(topic, many, posts);
      const cpuSeconds = cpuSecondsOf(delivery) - cpuBefore;
      return { ...perSecond(posts, { seconds, cpuSeconds }), rssMiB: memory.peakMiB(), lost, repeated };
    },
  };
}

async function bareLoops(stage: Stage, url: string, started: AsyncDisposableStack): Promise<Contender[]> {
  const urls = stage.many.paths.map((path) => url + path);
  const contenders: Contender[] = [];
  for (const client of bareClients) {
    const settings: BarePosts = { client, urls, concurrency, body: sampleBody };
    const loop = started.use(await startWorker(new URL("../bare/posts.ts", import.meta.url), settings));
    contenders.push({
      name: client,
      processes: { loop: loop.pid },
      run: async () => perSecond(posts, await loop.ask<Posted>({ posts })),
    });
  }
  return contenders;
}

async function naive(
  { load, many, engines }: Stage,
  brokers: readonly string[],
  url: string,
  started: AsyncDisposableStack,
): Promise<Contender> {
  const urls = Object.fromEntries(many.ids.map((id, index) => [id, `${url}${many.paths[index]}`]));
  const settings: NaiveDelivery = { brokers, topic: naiveTopic, urls };
  const consumer: Worker = started.use(
    await startWorker(new URL("../bare/naive-delivery.ts", import.meta.url), settings),
  );
  return {
    name: "naive consumer",
    processes: { consumer: consumer.pid, ...engines },
    async run() {
      const posted = consumer.ask<Posted>({ posts: naivePosts });
      await load.burst(naiveTopic, many, naivePosts);
      return perSecond(naivePosts, await posted);
    },
  };
}

function hanging({ load, many, few, delivery, engines, context }: Stage): Contender[] {
  const seconds = context.secondsPerRun;
  const contender = (endpoints: Endpoints, count: number): Contender => ({
    name: hangingName(count, endpoints.ids.length),
    processes: { delivery, ...engines },
    run: () => load.steady({ topic, endpoints, perSecond: steadyPerSecond, seconds, hanging: count }),
  });
  return [contender(many, 0), contender(many, 1), contender(few, 0), contender(few, fewEndpoints / 2)];
}

const hangingName = (hangs: number, of: number): string => `${hangs} of ${of} hang`;

/** Idle is who had nothing to do for a while: what was sent before is settled, and fetches wait longer after five seconds. */
const calmMs = 8_000;

function idle({ delivery, context }: Stage): Contender {
  return {
    name: "idle",
    async run() {
      await new Promise((resolve) => setTimeout(resolve, calmMs));
      const before = cpuSecondsOf(delivery);
      const startedMs = performance.now();
      await new Promise((resolve) => setTimeout(resolve, context.secondsPerRun * 1000));
      const seconds = (performance.now() - startedMs) / 1000;
      return { cpuPercent: ((cpuSecondsOf(delivery) - before) / seconds) * 100 };
    },
  };
}

/** Once only: it lasts minutes, and what it tells is a number of seconds and a zero. */
function outage({ load, many, context }: Stage): Contender {
  let once: ReturnType<DeliveryLoad["outage"]> | undefined;
  const seconds = context.outageSeconds;
  return {
    name: "outage",
    run: () => (once ??= load.outage({ topic, endpoints: many, perSecond: outagePerSecond, seconds })),
  };
}

function perSecond(count: number, { seconds, cpuSeconds }: Posted) {
  return { postsPerSecond: count / seconds, postsPerCpuSecond: count / cpuSeconds };
}

function results(measured: Comparison): readonly Result[] {
  const cpu = (contender: string): number => median(measured, contender, "postsPerCpuSecond");
  const own = cpu("ethhook");
  const figure = (name: string, value: number, unit: string, goal?: string): Result => ({
    name: `deliver.${name}`,
    value,
    unit,
    ...(goal === undefined ? {} : { goal }),
  });
  const p99Ratio = (count: number, of: number): number =>
    median(measured, hangingName(count, of), "p99Ms") / median(measured, hangingName(0, of), "p99Ms");
  const one = p99Ratio(1, manyEndpoints);
  const half = p99Ratio(fewEndpoints / 2, fewEndpoints);
  const worst = (name: string): number =>
    Math.max(...[...measured.values()].map((contender) => contender.figures[name]?.max ?? 0));
  return [
    figure("posts_per_cpu_second", own, "POSTs/s", ">= 8000"),
    figure("ratio_to_bare_undici", own / cpu("undici"), "ratio"),
    figure("ratio_to_bare_axios", own / cpu("axios"), "ratio", ">= 1.8"),
    figure("ratio_to_axios_over_undici", own / cpu("axios over undici"), "ratio", ">= 0.6"),
    figure("ratio_to_naive_consumer", own / cpu("naive consumer"), "ratio"),
    figure("hanging_endpoint_p99_ratio", Math.max(one, half), "ratio", "<= 1.2"),
    figure("hanging_1_of_100_p99_ratio", one, "ratio", "<= 1.2"),
    figure("hanging_10_of_20_p99_ratio", half, "ratio", "<= 1.2"),
    figure("outage_drain_seconds", median(measured, "outage", "drainSeconds"), "s"),
    figure("lost", worst("lost"), "deliveries", "0"),
    figure("rss_mib_at_full_rate", median(measured, "ethhook", "rssMiB"), "MiB", "<= 120"),
    figure("idle_cpu_percent", median(measured, "idle", "cpuPercent"), "%", "<= 1"),
  ];
}

/** As long as what the product sends. */
const sampleBody = JSON.stringify({
  type: "log.new",
  data: { eventId: "1:0x:0", padding: "x".repeat(1_000) },
});
