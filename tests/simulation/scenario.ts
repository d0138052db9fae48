import type { Chain } from "@ethhook/topology";
import { createChance, type Chance } from "./chance.ts";
import type { NodeProfile } from "./node.ts";

/** A bug put in on purpose: the simulator has to see it. */
export type Sabotage =
  | "publishes without proof"
  | "publishes without a transaction"
  | "repeats a transaction whose outcome is unknown"
  | "is never fenced"
  | "forgets removals"
  | "publishes a block backwards"
  | "never says what is final"
  | "nobody tells the truth";

/** All that a seed decides before the run begins. */
export interface Scenario {
  readonly seed: number;
  readonly chain: Chain;
  readonly firstNumber: number;
  /** Blocks that are there before anybody looks. */
  readonly history: number;
  readonly finalDepth: number;
  readonly logsMax: number;
  readonly startBlock: number | null;
  readonly proof: "bloom" | "receipts";
  readonly headerHash: "enforce" | "proven" | "off";
  /** From this block on, headers have a field that the ingestor does not know; null: they never do. */
  readonly forkNumber: number | null;
  readonly requestsPerSecond: number | null;
  readonly fetchAhead: number;
  readonly nodes: readonly NodeProfile[];
  /** Processes that run the chain: one, or one and its standby. */
  readonly processes: number;
  readonly stormMs: number;
  /** Share of new heads that are a reorg. */
  readonly reorgRate: number;
  /** Mean time between two kills. */
  readonly killEveryMs: number;
  /** Share of transactions that end in doubt. */
  readonly doubtRate: number;
  /** Share of the partitions of a transaction that show it later than it is acknowledged. */
  readonly lateMarkerRate: number;
}

const firstNumber = 100;

export function makeScenario(seed: number): { readonly scenario: Scenario; readonly chance: Chance } {
  const chance = createChance(seed);
  const history = chance.pick([0, 3, 30, 60]);
  const finalDepth = chance.between(4, 12);
  const proof = chance.hits(0.15) ? "receipts" : "bloom";
  const headerHash = chance.pick(["enforce", "proven", "off"] as const);
  const scenario: Scenario = {
    seed,
    chain: {
      id: 7_777,
      name: "simulated",
      blockTimeMs: chance.pick([250, 1_000, 2_000]),
      confirmedDepth: 4,
      finality: chance.hits(0.5) ? { kind: "tag" } : { kind: "depth", depth: finalDepth },
      ledgerPartition: 0,
    },
    firstNumber,
    history,
    finalDepth,
    logsMax: chance.pick([2, 4, 9]),
    startBlock: chance.hits(0.4) ? firstNumber + chance.between(0, history) : null,
    proof,
    headerHash,
    forkNumber:
      headerHash === "proven" && chance.hits(0.5) ? firstNumber + history + chance.between(2, 20) : null,
    requestsPerSecond: chance.hits(0.1) ? chance.between(1, 30) : null,
    fetchAhead: chance.pick([1, 3, 8]),
    nodes: makeNodes(chance),
    processes: chance.hits(0.5) ? 2 : 1,
    stormMs: 0,
    reorgRate: chance.pick([0, 0.05, 0.15]),
    killEveryMs: chance.pick([8_000, 20_000, 60_000]),
    doubtRate: chance.pick([0, 0.05, 0.2]),
    lateMarkerRate: chance.pick([0, 0.02, 0.2]),
  };
  return { scenario: { ...scenario, stormMs: scenario.chain.blockTimeMs * chance.between(20, 40) }, chance };
}

function makeNodes(chance: Chance): NodeProfile[] {
  const kinds = chance.pick([["ws"], ["http"], ["ws", "ws"], ["ws", "http"], ["ws", "ws", "http"]] as const);
  // One node that never tells the truth is bearable beside one that does.
  const liar = kinds.length > 1 && chance.hits(0.2) ? chance.between(0, kinds.length - 1) : -1;
  return kinds.map((kind, index) => ({
    name: `node-${index}`,
    kind,
    latencyMs: chance.pick([
      [1, 5],
      [5, 60],
      [20, 400],
    ] as const),
    faultRate: chance.pick([0, 0.02, 0.1]),
    lieRate: chance.pick([0, 0.05, 0.25]),
    liesForEver: index === liar,
    rangeMax: chance.pick([2, 5, 1_000]),
    keepsOrphans: chance.hits(0.5),
  }));
}
