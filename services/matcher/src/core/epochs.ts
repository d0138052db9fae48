import type { Log } from "@ethhook/schemas";

/** From this ledger sequence on, a partition is matched with this version. */
export interface Epoch {
  readonly fromSequence: number;
  readonly version: number;
}

/** Which version to match a log with, or what must be known or written first. */
export type EpochDecision =
  | { readonly kind: "use"; readonly version: number }
  /** A change of version begins with this log: it is used once it has been recorded. */
  | { readonly kind: "record"; readonly epoch: Epoch }
  /** No one was told of this log: it was never matched. */
  | { readonly kind: "never-matched" };

/** What one partition knows of its versions. Pure but for its own memory. */
export interface Epochs {
  /**
   * Decides for the next log of the partition.
   * @param candidate the newest version that this log may see.
   */
  decide(log: Pick<Log, "kind" | "sequence" | "addedSequence">, candidate: number): EpochDecision;
  /** Takes over an epoch that has been recorded. */
  recorded(epoch: Epoch): void;
  /** Decides for who changes no version: `matcher.latest` has matched the log, and all that it recorded up to it is known. */
  follow(log: Pick<Log, "addedSequence">): Exclude<EpochDecision, { readonly kind: "record" }>;
  /** The version of a sequence; `undefined` before the first epoch. */
  versionOf(sequence: number): number | undefined;
  newest(): Epoch | undefined;
}

/**
 * A version changes only between two ledger sequences of a partition, and only forward. After an assignment the first
 * sequence that is seen may have been begun by another owner, so no change begins with it.
 * @param known epochs that are recorded already, ascending.
 */
export function createEpochs(known: readonly Epoch[]): Epochs {
  const epochs = [...known];
  let lastSequence = known.length === 0 ? 0 : Number.POSITIVE_INFINITY;
  let seen = known.length === 0;

  /** What was decided for the last `new` log: it holds for the rest of its sequence. */
  let decided: { readonly sequence: number; readonly decision: EpochDecision } | undefined;

  const versionOf = (sequence: number): number | undefined =>
    epochs.findLast((epoch) => epoch.fromSequence <= sequence)?.version;

  function isBoundary(sequence: number): boolean {
    const boundary = seen && sequence > lastSequence;
    lastSequence = seen ? Math.max(lastSequence, sequence) : sequence;
    seen = true;
    return boundary;
  }

  function decideAnew(
    log: Pick<Log, "kind" | "sequence" | "addedSequence">,
    candidate: number,
  ): EpochDecision {
    const boundary = isBoundary(log.sequence);
    if (log.kind === "removed") {
      const version = versionOf(log.addedSequence);
      return version === undefined ? { kind: "never-matched" } : { kind: "use", version };
    }
    const version = versionOf(log.sequence);
    const isLast = (epochs.at(-1)?.fromSequence ?? -1) < log.sequence;
    // Without an epoch nothing was matched here: an older version would do as well as none.
    if (boundary && isLast && candidate > (version ?? -1))
      return { kind: "record", epoch: { fromSequence: log.sequence, version: candidate } };
    const decision: EpochDecision =
      version === undefined ? { kind: "never-matched" } : { kind: "use", version };
    decided = { sequence: log.sequence, decision };
    return decision;
  }

  return {
    decide: (log, candidate) =>
      log.kind === "new" && log.sequence === decided?.sequence
        ? decided.decision
        : decideAnew(log, candidate),
    recorded(epoch) {
      decided = undefined;
      const at = epochs.findIndex((other) => other.fromSequence >= epoch.fromSequence);
      if (at === -1) epochs.push(epoch);
      else epochs.splice(at, epochs[at]?.fromSequence === epoch.fromSequence ? 1 : 0, epoch);
    },
    follow({ addedSequence }) {
      const version = versionOf(addedSequence);
      return version === undefined ? { kind: "never-matched" } : { kind: "use", version };
    },
    versionOf,
    newest: () => epochs.at(-1),
  };
}
