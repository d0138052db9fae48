import type { Block } from "@ethhook/schemas";
import type { Position } from "../replay/position.ts";

/** A ledger record and when the broker got it. */
export interface LedgerRecord {
  readonly block: Block;
  readonly timestampMs: number;
}

/**
 * The part of a ledger that a window means: one stretch of sequences without a hole, so that what is missing shows. Where
 * blocks are asked for, it runs from the first record that added one to the last that added or took back one.
 */
export interface Stretch {
  /** The next record of the ledger. */
  take(record: LedgerRecord): void;
  /** True when no later record can belong to it. */
  isOver(): boolean;
  size(): number;
  records(): readonly LedgerRecord[];
  /** Whether a record of the stretch says what became of a block that is asked for; others only stand between. */
  isAsked(record: LedgerRecord): boolean;
}

export function createStretch(from: Position, to: Position): Stretch {
  const first = from.kind === "block" ? from.number : 0;
  const last = to.kind === "block" ? to.number : Number.POSITIVE_INFINITY;
  const taken: LedgerRecord[] = [];
  let size = 0;
  let isOver = false;
  const isAsked = ({ block: { kind, number } }: LedgerRecord): boolean =>
    kind !== "finalized" && number >= first && number <= last;

  return {
    take(record) {
      const { kind, number } = record.block;
      // Final is what no reorg takes back: nothing can become of the last block any more.
      if (kind === "finalized" && number >= last) isOver = true;
      const hasBegun = taken.length > 0 || from.kind !== "block" || isAsked(record);
      if (isOver || !hasBegun) return;
      taken.push(record);
      if (to.kind !== "block" || isAsked(record)) size = taken.length;
    },
    isOver: () => isOver,
    size: () => taken.length,
    records: () => taken.slice(0, size),
    isAsked,
  };
}
