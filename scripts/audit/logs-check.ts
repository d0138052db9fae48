import { logsDigest, type Block, type Log } from "@ethhook/schemas";
import { blockName } from "./ledger-check.ts";
import type { Problem, Window } from "./types.ts";

/** Compares logs with what the ledger counts, block by block, whatever order they come in. */
export interface LogsCheck {
  add(log: Log): void;
  /** Logs of the window that were added, each once. */
  found(): number;
  /** What is missing or different, once all were added. */
  problems(): readonly Problem[];
}

/**
 * Holds only the logs of blocks that are not complete yet. A log that comes twice counts once: the digest tells whether it
 * was the same.
 */
export function createLogsCheck(records: Window["records"]): LogsCheck {
  const open = new Map<number, Map<number, Log>>();
  const done = new Set<number>();
  const problems: Problem[] = [];
  let found = 0;

  function close(block: Block, logs: readonly Log[]): void {
    done.add(block.sequence);
    open.delete(block.sequence);
    if (logsDigest(logs) === block.digest) return;
    problems.push({
      code: "LOGS_DIFFER",
      at: blockName(block),
      detail: `the digest of its ${logs.length} logs is not the ledger's`,
    });
  }

  return {
    add(log) {
      const block = records.get(log.sequence);
      if (block === undefined || done.has(log.sequence)) return;
      const logs = open.get(log.sequence) ?? new Map<number, Log>();
      open.set(log.sequence, logs);
      if (!logs.has(log.logIndex)) found += 1;
      logs.set(log.logIndex, log);
      if (logs.size === block.logCount) close(block, [...logs.values()]);
    },
    found: () => found,
    problems() {
      const incomplete = [...records.values()].filter(
        ({ sequence, logCount }) => logCount > 0 && !done.has(sequence),
      );
      return [
        ...problems,
        ...incomplete.map((block): Problem => {
          const indexes = new Set(open.get(block.sequence)?.keys() ?? []);
          return { code: "LOGS_MISSING", at: blockName(block), detail: missing(block.logCount, indexes) };
        }),
      ];
    },
  };
}

/** Log indexes of a block run from 0 without a hole, so the missing ones have names. */
function missing(count: number, found: ReadonlySet<number>): string {
  const absent = Array.from({ length: count }, (_, index) => index).filter((index) => !found.has(index));
  const named = absent.slice(0, 10).join(", ");
  const more = absent.length > 10 ? " …" : "";
  return `${found.size} of ${count} logs; missing log index ${named}${more}`;
}
