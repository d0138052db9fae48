import { expect, test } from "vitest";
import { nextDelayMs, parseRetryAfter } from "./retry-schedule.ts";

const next = (attemptsMade: number, more = {}) =>
  nextDelayMs({ attemptsMade, schedule: null, retryAfterMs: null, random: 0, ...more });

test("the default schedule is that of Standard Webhooks, and ends after ten attempts", () => {
  const delays = Array.from({ length: 10 }, (_, n) => next(n));
  const seconds = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
  expect(delays).toEqual(seconds.map((s) => s * 1_000));
  expect(next(10)).toBeNull();
});

test("jitter makes a delay longer, by a fifth at most", () => {
  expect(next(2, { random: 0.5 })).toBe(330_000);
  expect(next(2, { random: 0.999_999 })).toBe(360_000);
});

test("an endpoint's own schedule replaces the default", () => {
  expect(next(1, { schedule: [0, 2] })).toBe(2_000);
  expect(next(2, { schedule: [0, 2] })).toBeNull();
});

test("what the receiver asks for is waited for, and never shortens the schedule", () => {
  expect(next(1, { retryAfterMs: 60_000 })).toBe(60_000);
  expect(next(2, { retryAfterMs: 1_000 })).toBe(300_000);
});

test("Retry-After keeps an endpoint quiet for a day at most, however long it asks", () => {
  for (const text of ["9999999999", "9".repeat(400), "Fri, 31 Dec 9999 23:59:59 GMT"]) {
    expect(parseRetryAfter(text, 1_790_000_000_000), text).toBe(86_400_000);
  }
});

test("Retry-After is read as seconds or as a date; anything else is nothing", () => {
  const nowMs = Date.parse("2026-11-21T10:00:00Z");
  expect(parseRetryAfter("120", nowMs)).toBe(120_000);
  expect(parseRetryAfter("Sat, 21 Nov 2026 10:01:00 GMT", nowMs)).toBe(60_000);
  expect(parseRetryAfter("Sat, 21 Nov 2026 09:00:00 GMT", nowMs)).toBe(0);
  for (const text of [null, "", "soon", "-5", "NaN"]) expect(parseRetryAfter(text, nowMs)).toBeNull();
});
