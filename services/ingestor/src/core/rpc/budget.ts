/** Requests per second as a bucket of tokens: a second's worth may go at once. */
export interface Budget {
  /** Takes a token, now or in advance. @returns milliseconds to wait before using it. */
  take(nowMs: number): number;
  /** Milliseconds until a token would be free. */
  waitMs(nowMs: number): number;
}

/** @param perSecond null: no limit. */
export function createBudget(perSecond: number | null): Budget {
  if (perSecond === null) return { take: () => 0, waitMs: () => 0 };
  const everyMs = 1_000 / perSecond;
  const burstMs = Math.max(1_000, everyMs);
  // When the bucket would be full again, had nothing more been taken.
  let fullAtMs = 0;
  const waitMs = (nowMs: number) => Math.max(0, Math.max(fullAtMs, nowMs) + everyMs - nowMs - burstMs);
  return {
    waitMs,
    take(nowMs) {
      const wait = waitMs(nowMs);
      fullAtMs = Math.max(fullAtMs, nowMs) + everyMs;
      return wait;
    },
  };
}
