import type { FilterableLog } from "./types.ts";

/** Data longer than this is not remembered: it would be kept in memory until the next log. */
const dataCharsMax = 65_536;

/**
 * Remembers the answer for the last log that was asked about. Many filters ask the same of one log, one after the other;
 * logs are never changed.
 */
export function memoByLog<T>(answer: (log: FilterableLog) => T): (log: FilterableLog) => T {
  let last: FilterableLog | undefined;
  let known: T | undefined;
  return (log) => {
    if (log === last) return known as T;
    const fresh = answer(log);
    if (log.data.length > dataCharsMax) return fresh;
    last = log;
    known = fresh;
    return fresh;
  };
}
