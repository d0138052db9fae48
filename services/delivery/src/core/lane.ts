import { createQueue, type Queue } from "./queue.ts";

/** One endpoint's queue and what is known of its speed. */
export interface Lane<T> {
  readonly key: string;
  readonly live: Queue<T>;
  /** Begun only when nothing live waits. */
  readonly replay: Queue<T>;
  /** The endpoint's own limit. */
  capMax: number;
  /** Concurrency earned so far: one more with each prompt answer, back to 1 with a slow one. */
  cap: number;
  young: number;
  slow: number;
  /** Unix ms when the oldest slow exchange began; null when there is none. */
  slowSinceMs: number | null;
  /** Moving average of an exchange. */
  exchangeMs: number;
  usedAtMs: number;
}

/** What an exchange is taken to last before the first answer: little, so that a first burst is not turned away. */
const exchangeMsGuess = 1;
/** Weight of the newest exchange in the average. */
const newestWeight = 0.1;

export function createLane<T>(key: string, capStart: number): Lane<T> {
  return {
    key,
    live: createQueue(),
    replay: createQueue(),
    capMax: capStart,
    cap: capStart,
    young: 0,
    slow: 0,
    slowSinceMs: null,
    exchangeMs: exchangeMsGuess,
    usedAtMs: 0,
  };
}

export function queued(lane: Lane<unknown>): number {
  return lane.live.length + lane.replay.length;
}

/** Exchanges that may be under way now: one while a slow one is. */
export function effectiveCap(lane: Lane<unknown>): number {
  return lane.slow > 0 ? 1 : Math.min(lane.cap, lane.capMax);
}

/** How long a new live item would wait for its own lane, ms. */
export function expectedWaitMs(lane: Lane<unknown>, nowMs: number): number {
  const slowMs = lane.slowSinceMs === null ? 0 : nowMs - lane.slowSinceMs;
  return (lane.live.length * Math.max(lane.exchangeMs, slowMs)) / effectiveCap(lane);
}

export interface Ended {
  readonly tookMs: number;
  readonly wasSlow: boolean;
  readonly healthy: boolean;
}

/** A lane learns from each exchange: its speed, and whether it may have one more at a time. */
export function recordEnd(lane: Lane<unknown>, { tookMs, wasSlow, healthy }: Ended): void {
  lane.exchangeMs += (tookMs - lane.exchangeMs) * newestWeight;
  if (wasSlow) lane.cap = 1;
  else if (healthy && lane.cap < lane.capMax) lane.cap += 1;
}
