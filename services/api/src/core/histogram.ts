/** A histogram as ClickHouse keeps it: bucket k counts values near 0.1 ms * 1.1^k, so that two of them add up. */
export type Histogram = ReadonlyMap<number, number>;

const firstBucketMs = 0.1;
const growth = 1.1;

/** Both together. */
export function addHistograms(a: Histogram, b: Histogram): Histogram {
  const sum = new Map(a);
  for (const [bucket, count] of b) sum.set(bucket, (sum.get(bucket) ?? 0) + count);
  return sum;
}

/**
 * The value below or at which `share` (0 to 1) of the values are, within 5 %.
 * @returns milliseconds to two digits; null of an empty histogram.
 */
export function percentile(histogram: Histogram, share: number): number | null {
  const buckets = [...histogram].toSorted(([a], [b]) => a - b);
  const total = buckets.reduce((sum, [, count]) => sum + count, 0);
  let seen = 0;
  for (const [bucket, count] of buckets) {
    seen += count;
    if (count > 0 && seen >= share * total) return Math.round(firstBucketMs * growth ** bucket * 100) / 100;
  }
  return null;
}
