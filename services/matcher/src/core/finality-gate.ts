import type { Log } from "@ethhook/schemas";
import type { Ledger, Wait } from "./ledger.ts";

/**
 * Whether a log may be delivered as final.
 * - `pass`: yes. - `drop`: never, a reorg was first. - `wait`: not yet. - `older`: the ledger in memory does not reach back so far.
 */
export type GateDecision = "pass" | "drop" | "wait" | "older";

/** Decides by the ledger. A removal passes when its log had become final before it: then someone was told. */
export function decideByLedger(
  log: Pick<Log, "kind" | "sequence" | "addedSequence">,
  ledger: Ledger,
  wait: Wait,
): GateDecision {
  if (log.sequence > ledger.last()) return "wait";
  switch (ledger.statusOf(log.addedSequence, wait)) {
    case "final":
      return "pass";
    case "removed":
      return "drop";
    case "waiting":
      return "wait";
    case "older":
      return "older";
  }
}
