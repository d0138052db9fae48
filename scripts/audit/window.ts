import { PipelineError, type Block } from "@ethhook/schemas";
import type { Chain } from "@ethhook/topology";
import { placeOf, planReplay } from "../replay/plan.ts";
import type { Position } from "../replay/position.ts";
import type { Session } from "../replay/session.ts";
import type { Window } from "./types.ts";

export interface ReadWindow {
  readonly window: Window;
  /** Every ledger record of the stretch, in order. */
  readonly ledger: readonly Block[];
}

/** Ledger records of one audit at most: a day of the fastest chain. */
const recordsMax = 1_000_000;

/** Reads the ledger between two positions. */
export async function readWindow(
  chain: Chain,
  from: Position,
  to: Position,
  { topology, admin, reader }: Session,
): Promise<ReadWindow> {
  const topic = topology.blocks.name;
  const request = { topic, from, to, partition: chain.ledgerPartition, chainId: chain.id };
  const plan = await planReplay({ ...unasked, ...request }, { topology, admin, reader });
  const span = plan[placeOf(topic, chain.ledgerPartition)];
  const ledger: Block[] = [];
  const records = new Map<number, Block>();
  let [fromMs, toMs] = [Infinity, 0];
  const at = { topic, partition: chain.ledgerPartition };
  for await (const some of span === undefined ? [] : reader.read(at, span.from, span.until)) {
    for (const { value, timestampMs } of some) {
      const decoded = topology.blocks.message.decode(value);
      if (!decoded.ok || !isWithin(decoded.value, from, to)) continue;
      ledger.push(decoded.value);
      if (ledger.length > recordsMax) tooLarge();
      if (decoded.value.kind === "finalized") continue;
      records.set(decoded.value.sequence, decoded.value);
      fromMs = Math.min(fromMs, timestampMs);
      toMs = Math.max(toMs, timestampMs);
    }
  }
  return { window: { chain, records, fromMs: records.size === 0 ? 0 : fromMs, toMs }, ledger };
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

/** By number where blocks are asked for; finality of older blocks belongs to the stretch, or it would have holes. */
function isWithin({ kind, number }: Block, from: Position, to: Position): boolean {
  if (kind === "finalized") return true;
  return (from.kind !== "block" || number >= from.number) && (to.kind !== "block" || number <= to.number);
}

function tooLarge(): never {
  throw new PipelineError(
    "REPLAY_REFUSED",
    "crash",
    `more than ${recordsMax} ledger records: narrow --from and --to`,
  );
}
