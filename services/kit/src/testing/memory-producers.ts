import { PipelineError } from "@ethhook/schemas";
import type { OutRecord, Producer, TopicPartition, TransactionalProducer } from "../kafka/types.ts";
import type { MemoryLog, MemoryTransaction } from "./memory-log.ts";

/**
 * What may go wrong with one transaction. The owner sees TRANSACTION_UNKNOWN each time, and cannot tell which it was.
 * - `lost`: nothing was written. - `open`: written, and neither committed nor aborted until the id starts again.
 * - `aborted`: written and aborted by the broker (its timeout). - `committed`: committed, but the answer was lost.
 */
export type TransactionFault = "lost" | "open" | "aborted" | "committed";

/** What may go wrong with one `send`. - `duplicate`: written twice, acknowledged. - `lost`: not written, rejected. - `unknown`: written, rejected. */
export type SendFault = "duplicate" | "lost" | "unknown";

export interface Faults {
  readonly onTransaction?: (
    transactionalId: string,
    records: readonly OutRecord[],
  ) => TransactionFault | undefined;
  readonly onSend?: (records: readonly OutRecord[]) => SendFault | undefined;
  /**
   * A commit is acknowledged once it is decided; its marker reaches this partition when the promise resolves, at once without
   * one. Until then nothing of it is read there, and its id neither begins another transaction nor starts anew.
   */
  readonly onMarker?: (at: TopicPartition) => Promise<void> | undefined;
}

export interface MemoryProducerDeps {
  readonly log: MemoryLog;
  readonly faults: Faults;
  /** Resolves when the broker answers. */
  readonly turn: () => Promise<void>;
  /** A killed process never hears an answer. */
  readonly isKilled: () => boolean;
}

const never = new Promise<never>(() => undefined);

export function createMemoryProducer({ log, faults, turn, isKilled }: MemoryProducerDeps): Producer {
  let stopped = false;
  let last: Promise<unknown> = Promise.resolve();

  async function write(records: readonly OutRecord[]): Promise<void> {
    if (isKilled()) return never;
    const fault = faults.onSend?.(records);
    if (fault !== "lost") log.append(records);
    if (fault === "duplicate") log.append(records);
    await turn();
    if (isKilled()) return never;
    if (fault === "lost" || fault === "unknown")
      throw new PipelineError("BROKER_TIMEOUT", "retry", "Not acknowledged in time.");
  }

  return {
    start: () => turn(),
    stop: async () => {
      stopped = true;
      await last.catch(() => undefined);
    },
    send: (records) => {
      if (stopped)
        return Promise.reject(new PipelineError("PRODUCER_STOPPED", "retry", "The producer is stopped."));
      // One after the other: the order of a partition is the order of the calls.
      const written = last.catch(() => undefined).then(() => write(records));
      last = written;
      return written;
    },
    room: () => Promise.resolve(),
    stalledMs: () => 0,
  };
}

/** The broker's side of the transactional ids. */
export interface MemoryTransactions {
  /** A new holder: older ones are fenced, and what they left open is aborted. @returns its epoch. */
  init(transactionalId: string): number;
  isCurrent(transactionalId: string, epoch: number): boolean;
  begin(transactionalId: string): MemoryTransaction;
  commit(transactionalId: string, transaction: MemoryTransaction): void;
  /** Resolves when every marker of the id's last commit is written. */
  marked(transactionalId: string): Promise<void>;
  /** As the broker's transaction timeout: whatever is open is aborted. */
  expire(): void;
}

export function createMemoryTransactions(
  log: MemoryLog,
  { onMarker }: Pick<Faults, "onMarker"> = {},
): MemoryTransactions {
  const epochs = new Map<string, number>();
  const open = new Map<string, MemoryTransaction>();
  const marking = new Map<string, Promise<void>>();
  return {
    init: (id) => {
      const left = open.get(id);
      if (left) void log.end(left, "aborted");
      open.delete(id);
      const epoch = (epochs.get(id) ?? -1) + 1;
      epochs.set(id, epoch);
      return epoch;
    },
    isCurrent: (id, epoch) => epochs.get(id) === epoch,
    begin: (id) => {
      const transaction: MemoryTransaction = { state: "open", first: new Map() };
      open.set(id, transaction);
      return transaction;
    },
    expire: () => {
      for (const transaction of open.values()) void log.end(transaction, "aborted");
      open.clear();
    },
    commit: (id, transaction) => void marking.set(id, log.end(transaction, "committed", onMarker)),
    marked: (id) => marking.get(id) ?? Promise.resolve(),
  };
}

export function createMemoryTransactionalProducer(
  id: string,
  transactions: MemoryTransactions,
  { log, faults, turn, isKilled }: MemoryProducerDeps,
): TransactionalProducer {
  let epoch = -1;
  let state: "new" | "ready" | "busy" | "dead" = "new";

  function unknown(why: string): PipelineError {
    state = "dead";
    return new PipelineError(
      "TRANSACTION_UNKNOWN",
      "retry",
      `A transaction of ${id} has an unknown outcome: ${why}`,
    );
  }

  function checkFenced(): void {
    if (transactions.isCurrent(id, epoch)) return;
    state = "dead";
    throw new PipelineError("PRODUCER_FENCED", "crash", `${id} belongs to another producer now.`);
  }

  function takeAll(taken: Iterable<OutRecord>): readonly OutRecord[] {
    try {
      return [...taken];
    } catch (error) {
      throw unknown(String(error));
    }
  }

  return {
    start: async () => {
      if (state !== "new") throw new Error("A transactional producer starts once");
      if (isKilled()) return never;
      await transactions.marked(id);
      if (isKilled()) return never;
      epoch = transactions.init(id);
      state = "ready";
      await turn();
    },
    stop: async () => {
      state = "dead";
    },
    transact: async (iterable) => {
      if (isKilled()) return never;
      if (state !== "ready") throw unknown(`the producer is ${state}`);
      const records = takeAll(iterable);
      if (records.length === 0) return;
      state = "busy";
      await turn();
      await transactions.marked(id);
      if (isKilled()) return never;
      checkFenced();
      const fault = faults.onTransaction?.(id, records);
      if (fault === "lost") throw unknown("the request was lost");
      const transaction = transactions.begin(id);
      try {
        log.append(records, transaction);
      } catch (error) {
        void log.end(transaction, "aborted");
        throw unknown(String(error));
      }
      await turn();
      if (isKilled()) return never;
      if (fault === "open") throw unknown("the connection closed");
      if (fault === "aborted") {
        void log.end(transaction, "aborted");
        throw unknown("the transaction timed out");
      }
      checkFenced();
      transactions.commit(id, transaction);
      await turn();
      if (isKilled()) return never;
      if (fault === "committed") throw unknown("the answer was lost");
      state = "ready";
    },
  };
}
