import type { Logger } from "@ethhook/kit";

/** Writes of one kind, in order, many at a time. */
export interface WriteQueue<T, R = void> {
  /**
   * Resolves once written. Never rejects: it is tried again until it is written or the queue is stopped. An item that Postgres will
   * never take is set aside and said loudly: it stays unresolved, so that what it came from is read again by the next process.
   */
  write(item: T): Promise<R>;
  readonly pending: number;
  /** Resolves when everything is written, or after `budgetMs`; what is not written by then never will be. */
  stop(budgetMs: number): Promise<void>;
}

export interface WriteQueueOptions<T, R> {
  readonly name: string;
  readonly batchMax: number;
  /** Writes all or nothing, with one result for each; a rejection is tried again as a whole. */
  readonly flush: (items: readonly T[]) => Promise<readonly R[]>;
  /** What to write of an item that Postgres refuses as bad data; undefined when nothing can be left out of it. */
  readonly reduce?: (item: T) => T | undefined;
  readonly logger: Logger;
}

const backoffMs = [50, 200, 500, 1_000, 2_000] as const;

/**
 * One writer with one batch under way: what comes meanwhile travels in the next one. It is bounded by who calls it: every item
 * belongs to a job whose offset is not settled, and the consumer pauses a partition with too many of them.
 */
export function createWriteQueue<T, R = void>(options: WriteQueueOptions<T, R>): WriteQueue<T, R> {
  let queue: { readonly item: T; readonly done: (result: R) => void }[] = [];
  let running: Promise<void> | undefined;
  let stopped = false;
  let wakeUp: (() => void) | undefined;

  async function run(): Promise<void> {
    let failures = 0;
    let most = options.batchMax;
    // What is written in the same turn travels together.
    await Promise.resolve();
    while (queue.length > 0) {
      const batch = queue.slice(0, most);
      try {
        const results = await options.flush(batch.map(({ item }) => item));
        failures = 0;
        most = Math.min(options.batchMax, most * 2);
        queue = queue.slice(batch.length);
        for (const [n, { done }] of batch.entries()) done(results[n] as R);
      } catch (error) {
        if (stopped) break;
        if (isBadData(error)) {
          // Halved until the bad one is alone: it must not hold up the others.
          if (batch.length === 1) refuse(error);
          most = Math.ceil(batch.length / 2);
          continue;
        }
        await pause(error, failures, batch.length);
        failures += 1;
      }
    }
    running = undefined;
  }

  /** The first one can never be written as it is. */
  function refuse(error: unknown): void {
    const [bad, ...others] = queue;
    if (bad === undefined) return;
    const item = options.reduce?.(bad.item);
    queue = item === undefined ? others : [{ ...bad, item }, ...others];
    const what = item === undefined ? "set aside" : "written without what may be left out";
    options.logger.error(
      { event: "postgres.row-refused", queue: options.name, err: error },
      `${options.name}: Postgres refuses a row as bad data: it is ${what}`,
    );
  }

  async function pause(error: unknown, failures: number, rows: number): Promise<void> {
    const delayMs = backoffMs[Math.min(failures, backoffMs.length - 1)] ?? 2_000;
    options.logger.warn(
      { event: "postgres.write-failed", queue: options.name, rows, err: error, delayMs },
      `${options.name}: not written, again in ${delayMs} ms`,
    );
    await new Promise<void>((resolve) => {
      wakeUp = resolve;
      setTimeout(resolve, delayMs);
    });
  }

  return {
    write(item) {
      return new Promise((done) => {
        queue.push({ item, done });
        running ??= run();
      });
    },
    get pending() {
      return queue.length;
    },
    async stop(budgetMs) {
      const late = new Promise<void>((resolve) => setTimeout(resolve, Math.max(0, budgetMs)).unref());
      await Promise.race([running, late]);
      stopped = true;
      wakeUp?.();
    },
  };
}

/** SQLSTATE class 22: no second try can help. */
function isBadData(error: unknown): boolean {
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" && code.startsWith("22");
}
