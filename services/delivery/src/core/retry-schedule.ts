import { retryScheduleSecondsDefault } from "@ethhook/schemas";

/** Part of a delay by which it may be longer, so that failures of one moment do not come back in one moment. */
const jitterShare = 0.2;
/** A receiver may ask to be left alone for so long at most. */
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
  return Math.max(delayMs, retryAfterMs ?? 0);
}

const httpDate = /^\s*(Mon|Tues?|Wed(nes)?|Thu(rs)?|Fri|Sat(ur)?|Sun)(day)?,? /i;

/** Reads `Retry-After`: seconds or an HTTP date. @returns milliseconds from now, up to a day; null when unreadable or absent. */
export function parseRetryAfter(text: string | null, nowMs: number): number | null {
  const afterMs = text === null ? Number.NaN : askedMs(text, nowMs);
  return Number.isNaN(afterMs) ? null : Math.min(Math.max(0, afterMs), retryAfterMaxMs);
}

function askedMs(text: string, nowMs: number): number {
  if (/^\s*\d+(\.\d+)?\s*$/.test(text)) return Math.round(Number(text) * 1_000);
  // Date.parse takes nearly anything for a date, "-5" included.
  return httpDate.test(text) ? Date.parse(text) - nowMs : Number.NaN;
}
