import type { Logger } from "@ethhook/kit";

/** Writes of one kind, in order, many at a time. */
export interface WriteQueue<T, R = void> {
  /** Resolves once written. Never rejects: it is tried again until it is written or the queue is stopped. */
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
    // What is written in the same turn travels together.
    await Promise.resolve();
    while (queue.length > 0) {
      const batch = queue.slice(0, options.batchMax);
      try {
        const results = await options.flush(batch.map(({ item }) => item));
        failures = 0;
        queue = queue.slice(batch.length);
        for (const [n, { done }] of batch.entries()) done(results[n] as R);
      } catch (error) {
        if (stopped) break;
        await pause(error, failures, batch.length);
        failures += 1;
      }
    }
    running = undefined;
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
