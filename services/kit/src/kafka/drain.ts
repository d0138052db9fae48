import type { Logger } from "../logger.ts";
import type { OffsetTracker } from "./offset-tracker.ts";
import type { ConsumerHandlers } from "./types.ts";

export interface Drain {
  /**
   * Resolves when the handlers gave up or finished their work; without an `onRevoking`, when everything is settled;
   * at `deadlineMs` (Unix) in any case. Never rejects.
   */
  drain(handlers: ConsumerHandlers | undefined, deadlineMs: number): Promise<void>;
  /** Something was settled. */
  settled(): void;
}

export function createDrain(tracker: OffsetTracker, logger: Logger): Drain {
  let whenSettled: (() => void) | undefined;

  return {
    settled: () => {
      if (whenSettled && tracker.unsettled() === 0) whenSettled();
    },
    drain: async (handlers, deadlineMs) => {
      const { promise: allSettled, resolve } = Promise.withResolvers<void>();
      if (tracker.unsettled() === 0) resolve();
      else whenSettled = resolve;
      const revoking = async (): Promise<void> => {
        try {
          await handlers?.onRevoking?.(deadlineMs);
        } catch (error) {
          logger.error({ event: "consumer.revoke-failed", err: error }, "onRevoking failed");
        }
      };
      const work = handlers?.onRevoking ? revoking() : allSettled;
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, Math.max(0, deadlineMs - Date.now()));
      await Promise.race([late.promise, work]);
      clearTimeout(timer);
      whenSettled = undefined;
    },
  };
}
