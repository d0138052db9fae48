import type { Spread } from "./types.ts";

/** @throws RangeError when there is nothing to take the middle of. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: percentile(sorted, 50), min: percentile(sorted, 0), max: percentile(sorted, 100) };
}

/**
 * Linear interpolation between the two nearest ranks, so that the 50th of two values is their mean.
 * @param sorted ascending, not empty.
 * @param percent 0 to 100.
 */
export function percentile(sorted: readonly number[], percent: number): number {
  if (sorted.length === 0) throw new RangeError("no values to take a percentile of");
  const rank = (percent / 100) * (sorted.length - 1);
  const below = sorted[Math.floor(rank)] ?? Number.NaN;
  const above = sorted[Math.ceil(rank)] ?? Number.NaN;
  return below + (above - below) * (rank - Math.floor(rank));
}
