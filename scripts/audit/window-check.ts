import type { Position } from "../replay/position.ts";
import { clockMarginMs } from "./evidence.ts";
import type { Problem } from "./types.ts";
import type { ReadWindow } from "./window.ts";

/** Block times without a block that are no reason to worry: slots are missed. */
const quietBlocks = 3;

/** Whether the ledger has what the window asks for: of blocks that it does not have, nothing can be proven. Pure. */
export function checkWindow(
  { window: { chain, records }, newest }: ReadWindow,
  from: Position,
  to: Position,
  nowMs: number,
): readonly Problem[] {
  const ends = newest === null ? "it has none at all" : `its newest is ${newest.block.number}`;
  const numbers = new Set([...records.values()].map(({ number }) => number));
  const asked = [from, to].flatMap((position) => (position.kind === "block" ? [position.number] : []));
  const problems = [...new Set(asked)]
    .filter((number) => !numbers.has(number))
    .map((number): Problem => ({
      code: "BLOCK_MISSING",
      at: `block ${number}`,
      detail: `the ledger of ${chain.name} does not have it; ${ends}`,
    }));
  if (records.size === 0 && problems.length === 0) {
    problems.push({
      code: "WINDOW_EMPTY",
      at: chain.name,
      detail: `the ledger has no block of the window; ${ends}`,
    });
  }
  const endMs = to.kind === "time" ? Math.min(to.ms, nowMs) : to.kind === "end" ? nowMs : null;
  if (endMs === null || newest === null) return problems;
  const quietMs = endMs - newest.timestampMs;
  if (quietMs > clockMarginMs + quietBlocks * chain.blockTimeMs) {
    problems.push({
      code: "LEDGER_STALE",
      at: `after block ${newest.block.number}`,
      detail: `the window goes on for ${Math.round(quietMs / 1_000)} s without a block: does the ingestor run?`,
    });
  }
  return problems;
}
