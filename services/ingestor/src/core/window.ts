import type { Block } from "@ethhook/schemas";
import type { BlockRef } from "./model.ts";

/**
 * The canonical blocks that were published and could still be taken back: from the finalized one to the tip, as their
 * ledger records (hash, sequence, log count, digest), never their bodies. Numbers are consecutive.
 */
export interface Window {
  readonly tip: Block | undefined;
  /** The oldest block held. */
  readonly bottom: Block | undefined;
  /** Newest block known to be final. */
  readonly finalized: Block | undefined;
  readonly size: number;
  at(number: number): Block | undefined;
  has(ref: BlockRef): boolean;
  /** Blocks above `number`, newest first: the order in which they are taken back. */
  above(number: number): readonly Block[];
  /** Follows one ledger record. @throws RangeError if it cannot stand there: the ledger or this code is broken. */
  apply(record: Block): void;
  /** Forgets what lies below the finalized block, and what passes `windowBlocksMax`. */
  trim(): void;
}

/** Blocks held while nothing becomes final. A reorg that goes deeper reads the ledger again. */
export const windowBlocksMax = 20_000;

/**
 * @param tail consecutive ledger records of one chain, oldest first. Records at its beginning that take back blocks
 * added before it are passed over: what they leave behind is the same.
 */
export function createWindow(tail: readonly Block[] = []): Window {
  let blocks: Block[] = [];
  let finalized: Block | undefined;

  const at = (number: number) => {
    const first = blocks[0];
    return first ? blocks[number - first.number] : undefined;
  };

  function push(record: Block): void {
    const last = blocks.at(-1);
    if (last && (record.parentHash !== last.hash || record.number !== last.number + 1))
      throw new RangeError(`block ${record.number} cannot be added on ${last.number}: not its parent`);
    blocks.push(record);
  }

  function pop(record: Block): void {
    const last = blocks.at(-1);
    if (last?.hash !== record.hash)
      throw new RangeError(`block ${record.number} cannot be removed: it is not the tip`);
    blocks.pop();
    if (finalized && record.number <= finalized.number) finalized = blocks.at(-1);
  }

  function apply(record: Block): void {
    if (record.kind === "added") push(record);
    else if (record.kind === "removed") pop(record);
    else finalized = at(record.number)?.hash === record.hash ? at(record.number) : finalized;
  }

  for (const record of tail) {
    if (blocks.length > 0 || record.kind === "added") apply(record);
  }

  return {
    get tip() {
      return blocks.at(-1);
    },
    get bottom() {
      return blocks[0];
    },
    get finalized() {
      return finalized;
    },
    get size() {
      return blocks.length;
    },
    at,
    has: (ref) => at(ref.number)?.hash === ref.hash,
    above: (number) => blocks.slice(Math.max(0, number - (blocks[0]?.number ?? 0) + 1)).toReversed(),
    apply,
    trim() {
      const below = finalized ? blocks.indexOf(finalized) : 0;
      const surplus = blocks.length - windowBlocksMax;
      // A tenth at a time, so that a full window is not copied for every block.
      const drop = Math.max(below, surplus > windowBlocksMax / 10 ? surplus : 0);
      if (drop > 0) blocks = blocks.slice(drop);
    },
  };
}
