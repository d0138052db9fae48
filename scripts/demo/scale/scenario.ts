import { setTimeout as delay } from "node:timers/promises";
import { PipelineError } from "@ethhook/schemas";
import type { Chain } from "@ethhook/topology";
import { raceAbort } from "../../start/abort.ts";
import type { SessionFolder } from "../../start/session-folder.ts";
import type { Measured, Sample } from "./chart.ts";
import { createCpuShare } from "./cpu-share.ts";
import { createCrew, type Crew } from "./crew.ts";
import { compareLedger, type Ledger } from "./ledger.ts";
import { createLoad, type Load } from "./load.ts";
import { measureReading } from "./measure.ts";
import { planLoad, type LoadPlan } from "./plan.ts";
import { spreadProblem, type Share } from "./spread.ts";
import { openStage, readDeliveries, type Stage } from "./stage.ts";
import { startWatch, type Watch } from "./watch.ts";

export interface ScaleOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly folder: SessionFolder;
  /** Of each service, at most. */
  readonly processes: number;
  /** How long each number of processes is watched. */
  readonly seconds: number;
  readonly signal: AbortSignal;
  readonly tell: Teller;
}

/** What a person hears while it runs. */
export interface Teller {
  step(sentence: string): void;
  sample(sample: Sample): void;
  spread(topic: string, shares: readonly Share[]): void;
}

/** Something that scaling promises, and whether it held. */
export interface Check {
  readonly what: string;
  readonly ok: boolean;
}

export interface ScaleResult {
  readonly load: LoadPlan & { readonly logs: number; readonly webhooks: number };
  readonly samples: readonly Sample[];
  /** Partitions by process, at each number of processes. */
  readonly spreads: readonly Readonly<Record<"matcher" | "delivery", readonly Share[]>>[];
  readonly ledger: Ledger;
  readonly checks: readonly Check[];
}

/** What one process may do: so little that any machine can run several beside their load. */
export const limits = {
  matcherCpuShare: 0.05,
  deliveryConcurrency: 15,
  answerAfterMs: 200,
  endpoints: 120,
} as const;

const chainName = "base";
/** Of both services; the least that they take. */
const sessionTimeoutMs = 6_000;
/** A killed process is missed for its session before its partitions go to others. */
const spreadDeadlineMs = 40_000;
const growDeadlineMs = 60_000;
const raiseAfterMs = 4_000;
const drainDeadlineMs = 60_000;
const pollMs = 100;

interface Play {
  readonly options: ScaleOptions;
  readonly stage: Stage;
  readonly chain: Chain;
  readonly matchers: Crew;
  readonly deliveries: Crew;
  readonly load: Load;
  readonly watch: Watch;
  readonly spreads: Record<"matcher" | "delivery", readonly Share[]>[];
  readonly checks: Check[];
}

/**
 * One process of each service falls behind; more are added until the lag falls; one of each is killed; what was sent is compared with
 * what arrived. Everything that it started has ended when it settles.
 */
export async function runScale(options: ScaleOptions): Promise<ScaleResult> {
  await using stack = new AsyncDisposableStack();
  const { promise: broken, reject: breakWith } = Promise.withResolvers<never>();
  broken.catch(() => undefined);
  const fail = (sentence: string): void => breakWith(new PipelineError("SERVICE_FAILED", "crash", sentence));
  const stage = await openStage({ ...options, ...limits, onStep: options.tell.step }, stack);
  void stage.broken.then(fail);
  const play = await setTheStage(options, stage, fail, stack);
  const performing = perform(play);
  // When something else ends it first, what it then meets is no news.
  performing.catch(() => undefined);
  // Awaited here: what is on the stack must not end before.
  return await raceAbort(Promise.race([performing, broken]), options.signal);
}

async function setTheStage(
  options: ScaleOptions,
  stage: Stage,
  fail: (sentence: string) => void,
  stack: AsyncDisposableStack,
): Promise<Play> {
  const { tell, folder } = options;
  const onError = (error: Error): void => fail(error.message);
  const common = { logsFolder: folder.logs, onNotice: tell.step, onDeath: fail };
  const env = { ...stage.env, SESSION_TIMEOUT_MS: String(sessionTimeoutMs) };
  const cpuShare = createCpuShare(limits.matcherCpuShare);
  const matchers = createCrew({
    ...common,
    service: "matcher",
    env: { ...env, MATCHER_GROUPS: "latest" },
    cpuShare,
  });
  const deliveries = createCrew({
    ...common,
    service: "delivery",
    env: { ...env, DELIVERY_CONCURRENCY: String(limits.deliveryConcurrency) },
    cpuShare: null,
  });
  stack.defer(() => deliveries.stopAll());
  stack.defer(() => matchers.stopAll());
  const chain = stage.topology.chains.find(({ name }) => name === chainName);
  if (chain === undefined) throw new Error(`no chain is called ${chainName}`);
  const producer = stage.kafka.producer();
  await producer.start();
  stack.defer(() => producer.stop());
  const load = createLoad({ producer, topology: stage.topology, chain }, stage.watched, onError);
  stack.defer(() => load.stop());
  const watch = startWatch(stage, { matchers, deliveries }, tell.sample, onError);
  stack.defer(() => watch.stop());
  return { options, stage, chain, matchers, deliveries, load, watch, spreads: [], checks: [] };
}

async function perform(play: Play): Promise<ScaleResult> {
  const { options, stage, load, watch } = play;
  const { tell, processes } = options;
  tell.step("One matcher and one delivery process start …");
  await crewOf(play, 1);
  const plan = await measure(play);
  load.start(plan);
  tell.step(
    `The load: ${plan.logsPerSecond} logs/s on ${chainName}'s 12 partitions, of which ${plan.matchedPerSecond}/s match.`,
  );
  const before = watch.samples.at(-1);
  await delay(options.seconds * 1_000);
  await grow(play, plan, before);
  for (let count = 2; ; count = Math.min(count * 2, processes)) {
    tell.step(`${count} of each …`);
    await crewOf(play, count);
    if (count === processes) break;
    await delay(options.seconds * 1_000);
  }
  await fall(play, plan);
  await killOneOfEach(play);
  tell.step("The load ends; what is on its way is delivered …");
  await load.stop();
  const ledger = await settle(play);
  const { lost, unknown, changed, reordered } = ledger;
  const inTopic = compareLedger(
    load.sent().map(({ webhookId, contract }) => ({ webhookId, order: contract })),
    await readDeliveries(stage),
  );
  check(
    play,
    "each contract's deliveries stand in the topic in the order of its logs",
    inTopic.reordered.length === 0,
  );
  check(play, "nothing is lost, and nothing arrived that was not sent", lost.length + unknown.length === 0);
  check(play, "what came twice came with the same id and the same bytes", changed.length === 0);
  check(
    play,
    "endpoints that asked for their contract's order were told in that order",
    reordered.length === 0,
  );
  check(play, "every signature was right", stage.receiver.totals().refused === 0);
  return {
    load: { ...plan, logs: load.logs(), webhooks: load.sent().length },
    samples: watch.samples,
    spreads: play.spreads,
    ledger,
    checks: play.checks,
  };
}

function check({ checks }: Play, what: string, ok: boolean): void {
  checks.push({ what, ok });
}

/** Brings both crews to `count` processes, and waits until the partitions are spread over them. */
async function crewOf(play: Play, count: number): Promise<void> {
  const { matchers, deliveries } = play;
  await Promise.all([matchers, deliveries].map((crew) => crew.add(count - crew.size())));
  await spread(play);
}

async function spread(play: Play): Promise<void> {
  const { stage, chain, matchers, deliveries, spreads, options } = play;
  const groups = [
    { crew: matchers, topic: stage.topology.logs.of(chain.id) },
    { crew: deliveries, topic: stage.topology.deliveries },
  ];
  const problem = (): string | null =>
    groups.map(({ crew, topic }) => spreadProblem(crew.shares(topic.name), topic.partitions)).find(Boolean) ??
    null;
  await until(() => problem() === null, spreadDeadlineMs);
  const [matcher = [], delivery = []] = groups.map(({ crew, topic }) => crew.shares(topic.name));
  for (const { crew, topic } of groups) options.tell.spread(topic.name, crew.shares(topic.name));
  spreads.push({ matcher, delivery });
  const found = problem();
  check(
    play,
    `${matchers.size()} and ${deliveries.size()} processes share the partitions evenly${found ? `: ${found}` : ""}`,
    found === null,
  );
}

async function measure(play: Play): Promise<LoadPlan> {
  const { stage, chain, load, options } = play;
  const topic = stage.topology.logs.of(chain.id).name;
  const rate = await measureReading(stage.kafka, { group: "matcher.latest", topic }, (logs) =>
    load.burst(logs),
  );
  const plan = planLoad(rate, limits, options.processes);
  options.tell.step(
    `A matcher that is held to ${limits.matcherCpuShare * 100} % of a core reads ${plan.matcherPerSecond} logs/s; a delivery process ` +
      `with ${limits.deliveryConcurrency} POSTs at a time, each answered after ${limits.answerAfterMs} ms, makes ${plan.deliveryPerSecond}/s.`,
  );
  return plan;
}

/**
 * Waits until both groups are half a second of load further behind than `before`. A matcher is slower while it is measured than once
 * it is warm: a load that it can take is raised, to less than two can.
 */
async function grow(play: Play, plan: LoadPlan, before: Sample | undefined): Promise<void> {
  const { watch, load, options } = play;
  const hasGrown = (read: (sample: Sample) => Measured, perSecond: number): boolean => {
    const [first, last] = [before, watch.samples.at(-1)].map((sample) =>
      sample ? read(sample).lagRecords : 0,
    );
    return (last ?? 0) - (first ?? 0) > perSecond / 2;
  };
  const matcher = (): boolean => hasGrown((sample) => sample.matcher, plan.logsPerSecond);
  const delivery = (): boolean => hasGrown((sample) => sample.delivery, plan.matchedPerSecond);
  const deadline = performance.now() + growDeadlineMs;
  for (;;) {
    await until(() => matcher() && delivery(), raiseAfterMs);
    if ((matcher() && delivery()) || performance.now() > deadline) break;
    if (matcher()) continue;
    options.tell.step("One matcher can take it: the load is raised by 30 %.");
    load.raise(1.3);
  }
  check(play, "with one matcher its lag grows", matcher());
  check(play, "with one delivery process its lag grows", delivery());
}

/** Waits until the lag of both groups is a third of what it was at most, or two seconds of load. */
async function fall(play: Play, plan: LoadPlan): Promise<void> {
  const { watch, matchers } = play;
  const hasFallen = (read: (sample: Sample) => Measured, perSecond: number): boolean => {
    const lags = watch.samples.map((sample) => read(sample).lagRecords);
    return (lags.at(-1) ?? 0) <= Math.max(...lags, perSecond * 6) / 3;
  };
  const isLow = (): boolean =>
    hasFallen(({ matcher }) => matcher, plan.logsPerSecond) &&
    hasFallen(({ delivery }) => delivery, plan.matchedPerSecond);
  await nextSample(play);
  await until(isLow, drainDeadlineMs);
  check(play, `with ${matchers.size()} of each the lag falls while the load goes on`, isLow());
}

async function killOneOfEach(play: Play): Promise<void> {
  const { matchers, deliveries, options } = play;
  const names = await Promise.all([matchers.killOne(), deliveries.killOne()]);
  options.tell.step(
    `kill -9 to ${names.join(" and ")}; their partitions go to others after ${sessionTimeoutMs / 1_000} s without a sign of life …`,
  );
  await spread(play);
}

/** Waits until everything that was sent has arrived. */
async function settle({ load, stage }: Play): Promise<Ledger> {
  const compare = (): Ledger => compareLedger(load.sent(), stage.received);
  await until(() => stage.receiver.totals().webhooks >= load.sent().length, drainDeadlineMs);
  return compare();
}

async function nextSample({ watch }: Play): Promise<void> {
  const before = watch.samples.length;
  await until(() => watch.samples.length > before, drainDeadlineMs);
}

/** Resolves when `agrees`, or at the deadline: whoever asked looks again. */
async function until(agrees: () => boolean, deadlineMs: number): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!agrees() && performance.now() < deadline) await delay(pollMs);
}
