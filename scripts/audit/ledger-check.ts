import type { Block } from "@ethhook/schemas";
import type { Problem } from "./types.ts";

/** How a ledger says a block: `block 18000000 (sequence 12)`. */
export const blockName = ({ number, sequence }: Pick<Block, "number" | "sequence">): string =>
  `block ${number} (sequence ${sequence})`;

/**
 * Whether a stretch of a ledger is whole: sequences without a hole, each added block on top of the one before, each removal
 * taking back the newest with all of its logs. Pure.
 * @param ledger every record of the stretch, `finalized` ones too, in the order of the topic.
 */
export function checkLedger(ledger: readonly Block[]): readonly Problem[] {
  const problems: Problem[] = [];
  const standing: Block[] = [];
  const added = new Map<number, Block>();
  let before: Block | undefined;
  for (const block of ledger) {
    if (before !== undefined && block.sequence !== before.sequence + 1) {
      const missing = block.sequence - before.sequence - 1;
      problems.push({
        code: "LEDGER_HOLE",
        at: `after sequence ${before.sequence}`,
        detail: missing > 0 ? `${missing} records are missing` : `sequence ${block.sequence} comes next`,
      });
      standing.length = 0;
    }
    before = block;
    if (block.kind === "added") {
      const tip = standing.at(-1);
      if (tip !== undefined && (block.parentHash !== tip.hash || block.number !== tip.number + 1)) {
        problems.push({
          code: "LEDGER_BROKEN",
          at: blockName(block),
          detail: `stands after ${blockName(tip)}, which is not its parent`,
        });
      }
      standing.push(block);
      added.set(block.sequence, block);
    } else if (block.kind === "removed") {
      const tip = standing.pop();
      // What was added before the stretch is not known here.
      if (tip !== undefined && tip.sequence !== block.addedSequence) {
        problems.push({
          code: "LEDGER_BROKEN",
          at: blockName(block),
          detail: `takes back sequence ${block.addedSequence}, but ${tip.sequence} is the newest`,
        });
      }
      const short = shortRemoval(block, added.get(block.addedSequence));
      if (short !== null) problems.push(short);
    }
  }
  return problems;
}

/** Whoever was told of a log must be told that it was taken back: a removal has the logs that its block was added with. */
function shortRemoval(removal: Block, added: Block | undefined): Problem | null {
  if (added === undefined) return null;
  if (removal.logCount === added.logCount && removal.digest === added.digest) return null;
  const detail =
    removal.logCount === added.logCount
      ? `the digest of its ${added.logCount} logs is not that of sequence ${added.sequence}`
      : `${removal.logCount} of the ${added.logCount} logs of sequence ${added.sequence} were taken back`;
  return { code: "REMOVAL_DIFFERS", at: blockName(removal), detail };
}
