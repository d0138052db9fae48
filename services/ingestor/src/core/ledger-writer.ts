import { type Block, logsDigest } from "@ethhook/schemas";
import type { ChainLog, VerifiedBlock } from "./model.ts";
import type { Ledger, LedgerEntry } from "./ports.ts";
import type { Window } from "./window.ts";

/**
 * Text of a log's data above which the record would pass the topic's limit of 16 MiB. No EVM chain known can pay the gas
 * for such a log today; one that comes is refused with a dead letter, never cut and never dropped silently.
 */
export const logDataCharsMax = 16 * 1_048_576 - 65_536;

/** What one transaction holds at most; a single block that is larger goes alone. */
export const transactionLimits = { blocks: 200, logs: 4_000, dataBytes: 4 * 1_048_576 } as const;

export interface LedgerWriter {
  /** A block on the tip. */
  add(block: VerifiedBlock, seenAtMs: number): Promise<void>;
  /** Takes the tip back. */
  remove(block: Block, logs: readonly ChainLog[], seenAtMs: number): Promise<void>;
  finalize(block: Block, seenAtMs: number): Promise<void>;
  /** Resolves when everything before is acknowledged. */
  flush(): Promise<void>;
  readonly nextSequence: number;
}

export interface LedgerWriterDeps {
  readonly chainId: number;
  readonly ledger: Pick<Ledger, "append">;
  /** Moves with every record, before it is acknowledged: after a failed append it is worth nothing. */
  readonly window: Window;
  /** Of the next record. */
  readonly nextSequence: number;
  readonly onAppended: (entries: readonly LedgerEntry[]) => void;
}

/** Numbers the records and gathers them into transactions. Whoever adds must flush. */
export function createLedgerWriter(deps: LedgerWriterDeps): LedgerWriter {
  const { chainId, ledger, window } = deps;
  let sequence = deps.nextSequence;
  let pending: LedgerEntry[] = [];
  let pendingLogs = 0;
  let pendingBytes = 0;

  async function flush(): Promise<void> {
    if (pending.length === 0) return;
    const entries = pending;
    pending = [];
    pendingLogs = 0;
    pendingBytes = 0;
    await ledger.append(entries);
    deps.onAppended(entries);
  }

  async function put(
    record: Block,
    logs: readonly ChainLog[],
    refused: readonly ChainLog[] = [],
  ): Promise<void> {
    const bytes = dataBytes(logs);
    const full =
      pending.length >= transactionLimits.blocks ||
      pendingLogs + logs.length > transactionLimits.logs ||
      pendingBytes + bytes > transactionLimits.dataBytes;
    if (full) await flush();
    window.apply(record);
    sequence += 1;
    pending.push({ record, logs, refused });
    pendingLogs += logs.length;
    pendingBytes += bytes;
  }

  return {
    get nextSequence() {
      return sequence;
    },
    flush,
    add({ header, logs: all, proof }, seenAtMs) {
      const logs = all.every(fits) ? all : all.filter(fits);
      const record: Block = {
        v: 1,
        kind: "added",
        chainId,
        sequence,
        addedSequence: sequence,
        number: header.number,
        hash: header.hash,
        parentHash: header.parentHash,
        timestamp: header.timestamp,
        logCount: logs.length,
        digest: logsDigest(logs),
        proof,
        seenAtMs,
      };
      return put(record, logs, logs === all ? [] : all.filter((log) => !fits(log)));
    },
    remove: (block, logs, seenAtMs) =>
      put(
        {
          ...block,
          kind: "removed",
          sequence,
          addedSequence: block.sequence,
          logCount: logs.length,
          digest: logs.length === block.logCount ? block.digest : logsDigest(logs),
          seenAtMs,
        },
        logs.toReversed(),
      ),
    finalize: (block, seenAtMs) =>
      put(
        {
          ...block,
          kind: "finalized",
          sequence,
          addedSequence: sequence,
          logCount: 0,
          digest: logsDigest([]),
          seenAtMs,
        },
        [],
      ),
  };
}

function fits(log: ChainLog): boolean {
  return log.data.length <= logDataCharsMax;
}

function dataBytes(logs: readonly ChainLog[]): number {
  let bytes = 0;
  for (const log of logs) bytes += log.data.length;
  return bytes;
}
