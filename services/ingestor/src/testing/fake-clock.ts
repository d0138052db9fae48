import type { Clock } from "../core/clock.ts";

/** A clock that moves only when someone sleeps: a sleep ends at once, and the time has passed. */
export function createFakeClock(): Clock & { readonly slept: readonly number[]; advance(ms: number): void } {
  let nowMs = 1_000_000;
  const slept: number[] = [];
  return {
    slept,
    now: () => nowMs,
    random: () => 0.5,
    advance(ms) {
      nowMs += ms;
    },
    sleep(delayMs) {
      slept.push(delayMs);
      nowMs += delayMs;
      return Promise.resolve();
    },
  };
}
