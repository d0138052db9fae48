/** How long a fetch may wait at the broker for a first record. */
export interface FetchWait {
  /** A fetch brought something, or failed: the next ones wait briefly again. */
  active(nowMs: number): void;
  /** @param calm nothing is unsettled and nothing is paused, so that there is nothing to commit or to resume meanwhile. */
  waitMs(nowMs: number, calm: boolean): number;
}

/** Also the longest that a commit takes to leave and a `resume` to act: nothing overtakes a fetch on its connection. */
const activeWaitMs = 100;
const quietWaitMs = 500;
const quietAfterMs = 5_000;

/**
 * An empty fetch costs both sides CPU, which is all that a quiet group uses: then it waits longer. A record ends the wait
 * at once, so latency does not feel it; what waits behind the fetch does (leaving the group, a heartbeat). Pure.
 */
export function createFetchWait(): FetchWait {
  let activeAtMs = Number.NEGATIVE_INFINITY;
  return {
    active: (nowMs) => {
      activeAtMs = nowMs;
    },
    waitMs: (nowMs, calm) => (calm && nowMs - activeAtMs >= quietAfterMs ? quietWaitMs : activeWaitMs),
  };
}
