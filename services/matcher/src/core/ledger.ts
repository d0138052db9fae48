import type { Block } from "@ethhook/schemas";
import { createVerdicts, type Verdicts } from "./verdicts.ts";

/** The finalities that wait. */
export type Wait = "confirmed" | "finalized";

/**
 * What became of the block that a ledger sequence added.
 * - `final`: it reached the finality while it stood; a removal after that is told of, as it was told of itself.
 * - `removed`: a reorg took it back before.
 * - `waiting`: neither yet.
 * - `older`: from before what is known here.
 */
export type BlockStatus = "final" | "removed" | "waiting" | "older";

/**
 * One chain's ledger. What it says follows from the ledger's order alone, not from when it was read: a matcher that comes
 * late, or reads again after a crash, decides as the first one did.
 */
export interface Ledger {
  /** Takes the next record; one that was taken before is ignored. */
  apply(block: Block): void;
  statusOf(addedSequence: number, wait: Wait): BlockStatus;
  /** Takes over what another part of the same ledger has decided. */
  learn(other: Ledger): void;
  readonly verdicts: Verdicts;
  /** The newest sequence taken; 0 for none. */
  readonly last: () => number;
  /** Logs of blocks that are final and stand after `sequence`: those that could be delivered now. */
  finalLogsAfter(sequence: number, wait: Wait): number;
  /** When the oldest of those blocks became final, Unix milliseconds; null when there is none. */
  finalSince(sequence: number, wait: Wait): number | null;
}

interface Entry {
  readonly sequence: number;
  readonly number: number;
  readonly logs: number;
  /** By the ledger's own order; infinite when it has not happened. */
  removedAt: number;
  readonly finalAt: Record<Wait, number>;
  readonly finalSeenAtMs: Record<Wait, number>;
}

/** Blocks with their logs in memory at most: days of a slow chain, half a day of the fastest. */
const entriesMax = 200_000;

/** @param confirmedDepth blocks on top of a block that make it `confirmed`. */
export function createLedger(confirmedDepth: number): Ledger {
  let entries: Entry[] = [];
  const verdicts = createVerdicts();
  /** Standing blocks that are not final yet, in the order of their numbers. */
  const standing: Record<Wait, Entry[]> = { confirmed: [], finalized: [] };
  let last = 0;

  function settle(wait: Wait, upToNumber: number, { sequence, seenAtMs }: Block): void {
    const waiting = standing[wait];
    let count = 0;
    for (; count < waiting.length; count += 1) {
      const entry = waiting[count];
      if (entry === undefined || entry.number > upToNumber) break;
      entry.finalAt[wait] = sequence;
      verdicts.finalize(entry.sequence, wait);
      entry.finalSeenAtMs[wait] = seenAtMs;
    }
    waiting.splice(0, count);
  }

  function add(block: Block): void {
    const never = Number.POSITIVE_INFINITY;
    const entry: Entry = {
      sequence: block.sequence,
      number: block.number,
      logs: block.logCount,
      removedAt: never,
      finalAt: { confirmed: never, finalized: never },
      finalSeenAtMs: { confirmed: never, finalized: never },
    };
    entries.push(entry);
    verdicts.add(entry.sequence);
    standing.confirmed.push(entry);
    standing.finalized.push(entry);
    settle("confirmed", block.number - confirmedDepth, block);
    if (entries.length > entriesMax) entries = entries.slice(entriesMax / 10);
  }

  function remove({ sequence, addedSequence }: Block): void {
    if (!verdicts.has(addedSequence)) return;
    verdicts.remove(addedSequence);
    const entry = entries[indexAfter(addedSequence - 1)];
    if (entry?.sequence === addedSequence) entry.removedAt = sequence;
    for (const wait of ["confirmed", "finalized"] as const) {
      const at = standing[wait].findLastIndex((one) => one.sequence === addedSequence);
      if (at !== -1) standing[wait].splice(at, 1);
    }
  }

  /** Index of the first entry after a sequence: entries ascend. */
  function indexAfter(sequence: number): number {
    let low = 0;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((entries[middle]?.sequence ?? 0) > sequence) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  function finalAfter(sequence: number, wait: Wait): Entry[] {
    const found: Entry[] = [];
    for (let at = indexAfter(sequence); at < entries.length; at += 1) {
      const entry = entries[at];
      if (entry === undefined) break;
      if (entry.finalAt[wait] !== Number.POSITIVE_INFINITY) found.push(entry);
      // Nothing that stands after the first waiting block is final.
      else if (entry.removedAt === Number.POSITIVE_INFINITY) break;
    }
    return found;
  }

  return {
    apply(block) {
      if (block.sequence <= last) return;
      last = block.sequence;
      if (block.kind === "added") add(block);
      else if (block.kind === "removed") remove(block);
      else {
        settle("confirmed", block.number, block);
        settle("finalized", block.number, block);
      }
    },
    statusOf(addedSequence, wait) {
      if (!verdicts.has(addedSequence)) return addedSequence > last ? "waiting" : "older";
      if (verdicts.isFinal(addedSequence, wait)) return "final";
      return verdicts.isRemoved(addedSequence) ? "removed" : "waiting";
    },
    learn: (other) => verdicts.learn(other.verdicts),
    verdicts,
    last: () => last,
    finalLogsAfter: (sequence, wait) =>
      finalAfter(sequence, wait).reduce((sum, entry) => sum + entry.logs, 0),
    finalSince(sequence, wait) {
      const [oldest] = finalAfter(sequence, wait);
      return oldest === undefined ? null : oldest.finalSeenAtMs[wait];
    },
  };
}
