import type { Block } from "@ethhook/schemas";
import type { ChainLog } from "../core/model.ts";
import type { Ledger, LedgerEntry } from "../core/ports.ts";

/** A ledger in memory, with what was written to it. */
export interface MemoryLedger extends Ledger {
  readonly transactions: readonly (readonly LedgerEntry[])[];
  readonly records: readonly Block[];
  /** Sequences whose logs are gone, as if their retention had passed. */
  readonly lost: Set<number>;
  /** Called before each transaction; a throw fails it. */
  beforeAppend: () => void;
}

export function createMemoryLedger(): MemoryLedger {
  const transactions: (readonly LedgerEntry[])[] = [];
  const lost = new Set<number>();
  const entries = () => transactions.flat();
  const records = () => entries().map(({ record }) => record);
  return {
    transactions,
    lost,
    get records() {
      return records();
    },
    beforeAppend: () => {},
    open: () => Promise.resolve(records()),
    readTail: (count) => Promise.resolve(records().slice(-count)),
    async append(added) {
      this.beforeAppend();
      transactions.push(added);
    },
    readLogs(added) {
      const found = new Map<number, readonly ChainLog[]>();
      for (const { record, logs } of entries()) {
        const isWanted = record.kind === "added" && added.some((block) => block.sequence === record.sequence);
        if (isWanted && !lost.has(record.sequence)) found.set(record.sequence, logs);
      }
      return Promise.resolve(found);
    },
    close: () => Promise.resolve(),
  };
}

/** The ledger in short: `+a3` added, `-a3` removed, `!a3` finalized, by what `nameOf` calls a hash. */
export function inShort(records: readonly Block[], nameOf: (hash: string) => string): string {
  const signs = { added: "+", removed: "-", finalized: "!" } as const;
  return records.map((record) => `${signs[record.kind]}${nameOf(record.hash)}`).join(" ");
}
