import { createHash } from "node:crypto";
import { createMemoryBroker, type MemoryBroker } from "@ethhook/kit/testing";
import { createTopology } from "@ethhook/topology";
import type { Chance } from "./chance.ts";
import { count, type Tally } from "./faults.ts";
import { violationsOf } from "./invariants.ts";
import { createNode, type SimNode } from "./node.ts";
import { startProcess, type SimProcess } from "./processes.ts";
import { makeScenario, type Sabotage, type Scenario } from "./scenario.ts";
import { storm } from "./storm.ts";
import { createVirtualTime, type VirtualTime } from "./virtual-time.ts";
import { createWire } from "./wire.ts";
import { createWorld, type World } from "./world.ts";

export interface RunOptions {
  readonly sabotage?: Sabotage;
  /** Of the ingestors' own log. Default: silent. */
  readonly logLevel?: string;
}

export interface Outcome {
  readonly seed: number;
  /** What was wrong in the end, in words; empty if nothing was. */
  readonly violations: readonly string[];
  readonly tally: Tally;
  /** Of every exchange with a node and every record in the topics: equal for equal seeds. */
  readonly trace: string;
  readonly blocks: number;
  readonly logs: number;
  readonly virtualMs: number;
}

/** When everything behaves again, the chain has to be published within this. */
const calmMaxMs = 300_000;
/** Blocks that still come in the calm, so that no head is the last word of a fork. */
const calmBlocks = 6;
/** And go on coming for so long: how far the chain is final is asked for every five seconds, or once a block. */
const calmMinMs = 12_000;
const startMs = 1_790_000_000_000;

/** What one seed's run is made of. */
export interface Stage {
  readonly scenario: Scenario;
  readonly chance: Chance;
  readonly time: VirtualTime;
  readonly world: World;
  readonly nodes: readonly SimNode[];
  readonly tally: Tally;
  /** The processes that run now, by slot. */
  readonly running: Map<number, SimProcess>;
  start(slot: number): void;
  isStorm(): boolean;
}

/** Runs one seed: a storm, then a calm, then a look at the topics. */
export async function runSeed(seed: number, options: RunOptions = {}): Promise<Outcome> {
  using time = createVirtualTime(startMs);
  const { scenario, chance } = makeScenario(seed);
  const trace = createHash("sha256");
  const topology = createTopology([scenario.chain]);
  const tally: Tally = new Map();
  let isStorm = true;
  const world = await createWorld({ ...scenario, chance, withReceiptsRoot: scenario.proof === "receipts" });
  await world.grow(scenario.history);
  if (scenario.forkNumber !== null) count(tally, "chain: a fork adds a field to the header");
  const running = new Map<number, SimProcess>();
  const broker = createMemoryBroker({
    topics: Object.fromEntries(topology.topics.map(({ name, partitions }) => [name, partitions])),
    now: time.now,
    turn: () => time.sleep(chance.between(0, 4)),
    faults: {
      onTransaction: () => (isStorm ? doubt() : undefined),
      // Only a planted bug sends without a transaction.
      onSend: () => (isStorm && doubt() ? "unknown" : undefined),
      onMarker: () => (isStorm && chance.hits(scenario.lateMarkerRate) ? lateMarker() : undefined),
    },
  });

  /** A transaction is under way: its end may be in doubt, and its process may end. */
  function doubt() {
    const leader = chance.hits(scenario.doubtRate)
      ? chance.pick([...running.values(), undefined])
      : undefined;
    if (leader?.isAlive()) {
      count(tally, "process: killed within a transaction");
      time.after(chance.between(0, 6), () => leader.kill());
    }
    if (!chance.hits(scenario.doubtRate)) return undefined;
    const fault = chance.pick(["lost", "open", "aborted", "committed"] as const);
    count(tally, doubts[fault]);
    return fault;
  }

  /** A partition's leader is slow: what is committed and acknowledged is not read there yet. */
  function lateMarker(): Promise<void> {
    count(tally, "transaction: committed, visible later");
    return time.sleep(chance.between(1, 3_000));
  }

  const shared = { world, chance, tally, now: time.now, isStorm: () => isStorm };
  const nodes = scenario.nodes.map((profile) =>
    createNode(options.sabotage === "nobody tells the truth" ? { ...profile, liesForEver: true } : profile, {
      ...shared,
      chainId: scenario.chain.id,
      liesAboutBlooms: scenario.headerHash !== "off",
    }),
  );
  const byName = new Map(nodes.map((node) => [node.profile.name, node]));
  const makeWire = () =>
    createWire({
      ...shared,
      nodes: byName,
      time,
      onExchange: (node, method, reply) => trace.update(`${time.now()} ${node} ${method} ${reply}\n`),
    });
  let started = 0;
  const start = (slot: number) => {
    const { sabotage, logLevel = "silent" } = options;
    const deps = { scenario, time, chance, broker, makeWire, sabotage, logLevel };
    started += 1;
    running.set(slot, startProcess(`ingestor-${slot}.${started}`, deps));
  };
  const stage: Stage = {
    scenario,
    chance,
    time,
    world,
    nodes,
    tally,
    running,
    start,
    isStorm: () => isStorm,
  };
  storm(stage);
  await time.runUntil(() => false, startMs + scenario.stormMs);
  isStorm = false;
  const finalNumber = world.finalized.number;
  const alarms = await calm(stage, broker, topology.blocks.name);
  const topics = {
    blocks: broker.records(topology.blocks.name),
    logs: broker.records(topology.logs.of(scenario.chain.id).name),
  };
  for (const { partition, value } of [...topics.blocks, ...topics.logs])
    trace.update(`${partition} ${String(value)}\n`);
  const { startBlock, forkNumber } = scenario;
  return {
    seed,
    tally,
    trace: trace.digest("hex"),
    blocks: topics.blocks.length,
    logs: topics.logs.length,
    virtualMs: time.now() - startMs,
    violations: [...alarms, ...violationsOf(world, topics, { startBlock, finalNumber, forkNumber })],
  };
}

const doubts = {
  lost: "transaction: never arrived",
  open: "transaction: left open",
  aborted: "transaction: aborted by the broker",
  committed: "transaction: committed, answer lost",
} as const;

/** Everybody behaves, and a few more blocks come. @returns what is wrong with that. */
async function calm(stage: Stage, broker: MemoryBroker, ledger: string): Promise<string[]> {
  const { world, time, scenario } = stage;
  for (const node of stage.nodes) Object.assign(node, { lag: 0, fork: null, isElsewhere: false });
  for (const slot of Array.from({ length: scenario.processes }, (_, index) => index)) {
    if (!stage.running.get(slot)?.isAlive()) stage.start(slot);
  }
  const { blockTimeMs } = scenario.chain;
  const blocks = Math.max(calmBlocks, Math.ceil(calmMinMs / 2 / blockTimeMs));
  const isDone =
    (await follow(stage, broker, ledger, blocks)) && (await follow(stage, broker, ledger, blocks));
  // By now all is well, also where few requests a second make it slow: one more head is heard at once, so readiness has nothing to say.
  if (isDone) await follow(stage, broker, ledger, 1);
  const complaints = [...stage.running.values()].flatMap((process) => process.notReady());
  // What is still under way gets to its end, so that a second write of the same would be seen.
  await time.runUntil(() => false, time.now() + 2_000);
  for (const process of stage.running.values()) process.kill();
  return [
    ...(isDone ? [] : [`${calmMaxMs / 1_000} s of calm did not bring it to block ${world.head.number}`]),
    // Whoever is not elected at this moment may say so; the head is fresh for everybody.
    ...complaints.filter((complaint) => complaint.includes("head")),
  ];
}

/** More blocks come. @returns whether they were published in time. */
async function follow(stage: Stage, broker: MemoryBroker, ledger: string, blocks: number): Promise<boolean> {
  const { world, time, scenario } = stage;
  let toCome = blocks;
  const next = (): void => {
    if (toCome-- === 0) return;
    void world.grow(1);
    time.after(scenario.chain.blockTimeMs, next);
  };
  next();
  const isThere = () => {
    if (toCome >= 0) return false;
    const last = broker
      .records(ledger)
      .findLast(({ value }) => !String(value).includes('"kind":"finalized"'));
    return last !== undefined && String(last.value).includes(world.head.hash);
  };
  let lookedAtMs = 0;
  return time.runUntil(() => {
    if (time.now() - lookedAtMs < 200) return false;
    lookedAtMs = time.now();
    return isThere();
  }, time.now() + calmMaxMs);
}
