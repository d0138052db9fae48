import { PipelineError, type Block } from "@ethhook/schemas";
import type { Chain } from "@ethhook/topology";
import { placeOf, planReplay, type PlanDeps } from "../replay/plan.ts";
import type { Position } from "../replay/position.ts";
import { createStretch, type LedgerRecord } from "./stretch.ts";
import type { Window } from "./types.ts";

export interface ReadWindow {
  readonly window: Window;
  /** Every ledger record of the stretch, in order. */
  readonly ledger: readonly Block[];
  /** The newest block that the ledger now has, in the window or after it; null for a chain without one. */
  readonly newest: LedgerRecord | null;
}

/** Ledger records of one audit at most: a day of the fastest chain. */
const recordsMax = 1_000_000;
/** Records at a ledger's end among which its newest block is looked for: others are removals and finality. */
const tailRecords = 500;

/** Reads the ledger between two positions. */
export async function readWindow(
  chain: Chain,
  from: Position,
  to: Position,
  { topology, admin, reader }: PlanDeps,
): Promise<ReadWindow> {
  const at = { topic: topology.blocks.name, partition: chain.ledgerPartition };
  const request = { topic: at.topic, from, to, partition: at.partition, chainId: chain.id };
  const plan = await planReplay({ ...unasked, ...request }, { topology, admin, reader });
  const span = plan[placeOf(at.topic, at.partition)];
  const decoded = (value: Buffer | null): Block | null => {
    const block = topology.blocks.message.decode(value);
    return block.ok ? block.value : null;
  };
  const stretch = createStretch(from, to);
  for await (const some of span === undefined ? [] : reader.read(at, span.from, span.until)) {
    for (const { value, timestampMs } of some) {
      const block = decoded(value);
      if (block !== null) stretch.take({ block, timestampMs });
    }
    if (stretch.size() > recordsMax) tooLarge();
    if (stretch.isOver()) break;
  }
  const tail = (await reader.tail(at, tailRecords)).flatMap(({ value, timestampMs }) => {
    const block = decoded(value);
    return block === null ? [] : [{ block, timestampMs }];
  });
  const newest = tail.findLast(({ block }) => block.kind === "added") ?? null;
  const ledger = stretch.records();
  return {
    window: windowOf(chain, ledger.filter(stretch.isAsked)),
    ledger: ledger.map(({ block }) => block),
    newest,
  };
}

function windowOf(chain: Chain, asked: readonly LedgerRecord[]): Window {
  let [fromMs, toMs] = [Infinity, 0];
  for (const { timestampMs } of asked) {
    fromMs = Math.min(fromMs, timestampMs);
    toMs = Math.max(toMs, timestampMs);
  }
  const records = new Map(asked.map(({ block }) => [block.sequence, block]));
  return { chain, records, fromMs: asked.length === 0 ? 0 : fromMs, toMs };
}

const unasked = {
  endpointId: null,
  userId: null,
  contract: null,
  status: null,
  matchAgain: false,
  ratePerSecond: null,
  leadMax: 0,
} as const;

function tooLarge(): never {
  throw new PipelineError(
    "REPLAY_REFUSED",
    "crash",
    `more than ${recordsMax} ledger records: narrow --from and --to`,
  );
}
