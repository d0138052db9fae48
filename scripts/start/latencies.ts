/** Percentiles of the newest samples. */
export interface Latencies {
  add(ms: number): void;
  /** The smallest sample that is at least as large as `share` (0 to 1) of them; null without samples. */
  percentile(share: number): number | null;
  count(): number;
}

/** Keeps the newest `samplesMax` samples, so that a session of days needs no more memory than one of an hour. */
export function createLatencies(samplesMax = 65_536): Latencies {
  const samples: number[] = [];
  let added = 0;
  return {
    add(ms) {
      samples[added % samplesMax] = ms;
      added += 1;
    },
    percentile(share) {
      if (samples.length === 0) return null;
      const sorted = samples.toSorted((a, b) => a - b);
      const rank = Math.max(1, Math.ceil(share * sorted.length));
      return sorted[rank - 1] ?? null;
    },
    count: () => added,
  };
}
