import type { Block } from "@ethhook/schemas";
import type { Chain } from "../chains.ts";

/** A ledger record and when the broker got it. */
export interface LedgerEntry {
  readonly block: Pick<Block, "kind" | "number" | "sequence" | "addedSequence">;
  readonly timestampMs: number;
}

/**
 * Until when a chain's logs have reached a finality: logs written after it wait on purpose.
 * Logs and ledger record of a block are one transaction, so the ledger record's time stands for the logs'.
 * @param tail the newest ledger records of the chain, oldest first; long enough to hold every block that still waits.
 * @returns Unix ms of the newest eligible ledger record; null when nothing of the tail is eligible.
 */
export function eligibleUntilMs(
  tail: readonly LedgerEntry[],
  chain: Pick<Chain, "confirmedDepth">,
  finality: "confirmed" | "finalized",
): number | null {
  const number =
    finality === "confirmed" ? confirmedNumber(tail, chain.confirmedDepth) : finalizedNumber(tail);
  if (number === null) return null;
  const waiting = tail.findIndex(({ block }) => block.kind === "added" && block.number > number);
  const last = waiting < 0 ? tail.at(-1) : tail[waiting - 1];
  return last?.timestampMs ?? null;
}

/** The newest block that is a chain's depth below its head, or final. */
function confirmedNumber(tail: readonly LedgerEntry[], depth: number): number | null {
  const head = tail.findLast(({ block }) => block.kind === "added");
  if (head === undefined) return finalizedNumber(tail);
  return Math.max(head.block.number - depth, finalizedNumber(tail) ?? 0);
}

function finalizedNumber(tail: readonly LedgerEntry[]): number | null {
  return tail.findLast(({ block }) => block.kind === "finalized")?.block.number ?? null;
}
