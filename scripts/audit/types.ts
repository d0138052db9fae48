import type { Block, Finality, Log } from "@ethhook/schemas";
import type { Chain } from "@ethhook/topology";

/** What is wrong, in a word that programs can act on. */
export const problemCodes = {
  WINDOW_EMPTY: "nothing was audited",
  BLOCK_MISSING: "a block that was asked for is not in the ledger",
  LEDGER_STALE: "the ledger ends before the window does",
  LEDGER_HOLE: "sequences of the ledger are missing",
  LEDGER_BROKEN: "a block does not follow the one before it",
  REMOVAL_DIFFERS: "a reorg took back other logs than the block was added with",
  LOGS_MISSING: "logs that the ledger counts are not in the topic",
  LOGS_DIFFER: "the logs are as many as the ledger counts, but not the same",
  CLICKHOUSE_LOGS_MISSING: "logs that the ledger counts are not in ClickHouse",
  MATCH_MISSING: "a webhook that must have been made was not",
  MATCH_UNEXPECTED: "a webhook was made that must not have been",
  NEVER_ATTEMPTED: "a webhook was read by delivery, and nothing came of it",
  NOT_DELIVERED: "a webhook was tried without success, and nothing waits to try again",
  RPC_DIFFERS: "the provider has other logs of this block",
} as const;
export type ProblemCode = keyof typeof problemCodes;

export interface Problem {
  readonly code: ProblemCode;
  /** Where: a ledger sequence, a block, a webhook with its place. */
  readonly at: string;
  readonly detail: string;
}

/** The part of a chain's history that is audited. */
export interface Window {
  readonly chain: Chain;
  /** `added` and `removed` records of the blocks that are asked for, by sequence, ascending. */
  readonly records: ReadonlyMap<number, Block>;
  /** Unix ms between which the broker got those records. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** A log and where it stands in its topic. */
export interface PlacedLog {
  readonly log: Log;
  readonly partition: number;
  readonly offset: number;
}

/** A webhook that the filters of that time make of a log. */
export interface Expected {
  readonly webhookId: string;
  readonly endpointId: string;
  readonly kind: "new" | "removed";
  readonly finality: Finality;
  /** For a `removed`: the id of its `new`. */
  readonly newWebhookId: string;
  readonly sequence: number;
  /** Of its log. */
  readonly partition: number;
  readonly offset: number;
}

/** A webhook as it was found in `deliveries`. */
export interface Trace {
  readonly webhookId: string;
  readonly endpointId: string;
  readonly sequence: number;
  readonly partition: number;
  readonly offset: number;
}

/** What is known of what became of webhooks. */
export interface Fates {
  readonly delivered: ReadonlySet<string>;
  /** A POST was made. */
  readonly attempted: ReadonlySet<string>;
  readonly dead: ReadonlySet<string>;
  readonly parked: ReadonlySet<string>;
  /** `new` webhooks that a reorg took back before they were delivered. */
  readonly takenBack: ReadonlySet<string>;
}

/** Committed offsets: what lies before them was dealt with. */
export interface Progress {
  matcher(finality: Finality, partition: number): number;
  delivery(partition: number): number;
}

export interface Counts {
  readonly delivered: number;
  readonly pending: number;
  readonly dead: number;
  readonly takenBack: number;
  readonly lost: number;
}
