/** Says how long to wait so that things go at a rate. Pure but for its own memory. */
export interface Pace {
  /** Milliseconds until `count` things may go, which are then taken as gone. */
  take(count: number, nowMs: number): number;
}

/** At most this many milliseconds of a quiet time are made up for. */
const burstMs = 200;

/** @param perSecond null for no limit. */
export function createPace(perSecond: number | null, nowMs: number): Pace {
  let freeAtMs = nowMs;
  return {
    take(count, atMs) {
      if (perSecond === null) return 0;
      freeAtMs = Math.max(freeAtMs, atMs - burstMs);
      const waitMs = Math.max(0, freeAtMs - atMs);
      freeAtMs += (count * 1_000) / perSecond;
      return waitMs;
    },
  };
}

/** How many things to hand over at once, so that a rate looks even and a fast one has large batches. */
export function chunkSize(perSecond: number | null): number {
  return perSecond === null ? 1_000 : Math.max(1, Math.min(1_000, Math.floor(perSecond / 10)));
}
