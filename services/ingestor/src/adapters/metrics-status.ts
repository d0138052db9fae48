import type { Metrics } from "@ethhook/kit";
import type { ChainStatus } from "../chain-service.ts";

export interface StatusMetricsDeps {
  readonly metrics: Metrics;
  /** Unix milliseconds. */
  readonly now: () => number;
}

type Sample = readonly [labels: { readonly chain: string }, value: number];

/** Gauges that are computed when they are scraped, from what the chains say of themselves. */
export function collectStatus(read: () => readonly ChainStatus[], { metrics, now }: StatusMetricsDeps): void {
  /** One sample for each chain that has a value. */
  const perChain = (valueOf: (status: ChainStatus) => number | undefined) => (): readonly Sample[] =>
    read().flatMap((status) => {
      const value = valueOf(status);
      return value === undefined ? [] : [[{ chain: status.name }, value] as const];
    });

  metrics.gauge("ethhook_ingestor_tip_block").collect(perChain(({ tip }) => tip?.number));
  metrics.gauge("ethhook_ingestor_finalized_block").collect(perChain(({ finalized }) => finalized?.number));
  metrics
    .gauge("ethhook_ingestor_head_lag_blocks")
    .collect(perChain(({ tip, highest }) => tip && Math.max(0, (highest ?? tip.number) - tip.number)));
  metrics
    .gauge("ethhook_ingestor_head_lag_seconds")
    .collect(perChain(({ tip }) => tip && Math.max(0, now() / 1_000 - tip.timestamp)));
  metrics
    .gauge("ethhook_ingestor_head_age_seconds")
    .collect(perChain(({ heardAtMs }) => heardAtMs && (now() - heardAtMs) / 1_000));
  const perProvider = (valueOf: (provider: ChainStatus["providers"][number]) => number) => () =>
    read().flatMap(({ name, providers }) =>
      providers.map((provider) => [{ chain: name, provider: provider.name }, valueOf(provider)] as const),
    );
  metrics
    .gauge("ethhook_ingestor_provider_up")
    .collect(perProvider((provider) => (provider.trouble() === null ? 1 : 0)));
  metrics
    .gauge("ethhook_ingestor_provider_latency_seconds")
    .collect(perProvider((provider) => provider.latencyMs / 1_000));
}
