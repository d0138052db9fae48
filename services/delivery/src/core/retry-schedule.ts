import { retryScheduleSecondsDefault } from "@ethhook/schemas";

/** Part of a delay by which it may be longer, so that failures of one moment do not come back in one moment. */
const jitterShare = 0.2;
/** A receiver may ask for a longer wait than the schedule, up to this. */
const retryAfterMaxMs = 24 * 3_600_000;

export interface NextAttempt {
  readonly attemptsMade: number;
  /** Seconds before attempt 1, 2, …; null for the default. */
  readonly schedule: readonly number[] | null;
  /** What the receiver asked for in `Retry-After`, ms; null when nothing. */
  readonly retryAfterMs: number | null;
  /** Uniform in [0, 1). */
  readonly random: number;
}

/**
 * Delay until the next attempt in milliseconds: the schedule's, jittered upwards by at most a fifth, and never less than what the
 * receiver asked for. Null when every attempt was used.
 */
export function nextDelayMs({ attemptsMade, schedule, retryAfterMs, random }: NextAttempt): number | null {
  const delays = schedule ?? retryScheduleSecondsDefault;
  const seconds = delays[attemptsMade];
  if (seconds === undefined) return null;
  const delayMs = Math.round(seconds * 1_000 * (1 + jitterShare * random));
  return Math.max(delayMs, Math.min(retryAfterMs ?? 0, retryAfterMaxMs));
}

const httpDate = /^\s*(Mon|Tues?|Wed(nes)?|Thu(rs)?|Fri|Sat(ur)?|Sun)(day)?,? /i;

/** Reads `Retry-After`: seconds or an HTTP date. @returns milliseconds from now, at least 0; null when unreadable or absent. */
export function parseRetryAfter(text: string | null, nowMs: number): number | null {
  if (text === null || text.trim() === "") return null;
  if (/^\s*\d{1,10}(\.\d+)?\s*$/.test(text)) return Math.round(Number(text) * 1_000);
  // Date.parse takes nearly anything for a date, "-5" included.
  const at = httpDate.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}
