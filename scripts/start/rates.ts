/** How fast two counters grew in the last seconds. */
export interface Rates {
  /** @param atMs any clock that only goes forward. */
  add(
    atMs: number,
    logs: number,
    deliveries: number,
  ): { readonly logsPerSecond: number; readonly deliveriesPerSecond: number };
}

const windowMs = 5_000;

export function createRates(): Rates {
  const samples: { readonly atMs: number; readonly logs: number; readonly deliveries: number }[] = [];
  return {
    add(atMs, logs, deliveries) {
      samples.push({ atMs, logs, deliveries });
      while (samples.length > 2 && (samples[1]?.atMs ?? atMs) < atMs - windowMs) samples.shift();
      const first = samples[0] ?? { atMs, logs, deliveries };
      const seconds = (atMs - first.atMs) / 1_000;
      if (seconds === 0) return { logsPerSecond: 0, deliveriesPerSecond: 0 };
      return {
        logsPerSecond: (logs - first.logs) / seconds,
        deliveriesPerSecond: (deliveries - first.deliveries) / seconds,
      };
    },
  };
}
