import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createPace, type Pace } from "./pace.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const intervalMs = 20;
const paceOf = (): Pace => createPace(intervalMs, () => performance.now());

/** Milliseconds until the next request may begin, when nothing else happens. */
async function waited(pace: Pace): Promise<number> {
  const beganMs = performance.now();
  const next = pace.next();
  await vi.runAllTimersAsync();
  await next;
  return performance.now() - beganMs;
}

test("the first request begins at once, the next one an interval after it, and one after a pause at once again", async () => {
  const pace = paceOf();
  expect(await waited(pace)).toBe(0);
  expect(await waited(pace)).toBe(intervalMs);
  await vi.advanceTimersByTimeAsync(intervalMs);
  expect(await waited(pace)).toBe(0);
});

test("an urgent one does not wait, whether it comes before or while another waits; the one after it does", async () => {
  const pace = paceOf();
  await waited(pace);
  pace.hurry();
  expect(await waited(pace)).toBe(0);
  const next = pace.next();
  await vi.advanceTimersByTimeAsync(5);
  pace.hurry();
  await next;
  expect(vi.getTimerCount()).toBe(0);
  expect(await waited(pace)).toBe(intervalMs);
});

test("at the end nothing waits", async () => {
  const pace = paceOf();
  await waited(pace);
  const next = pace.next();
  pace.end();
  await next;
  expect(await waited(pace)).toBe(0);
});

test("without an interval nothing waits", async () => {
  const pace = createPace(0, () => performance.now());
  expect([await waited(pace), await waited(pace)]).toEqual([0, 0]);
});
