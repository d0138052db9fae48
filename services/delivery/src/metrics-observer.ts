import type { Metrics } from "@ethhook/kit";
import type { OpossumBreakers } from "./adapters/opossum-breakers.ts";
import type { Dispatcher } from "./core/dispatcher.ts";
import { parkReasons, type Observer } from "./core/ports.ts";

export interface Watched {
  readonly dispatcher: Pick<Dispatcher, "stats">;
  readonly oldestOpenMs: () => number;
  readonly breakers: Pick<OpossumBreakers, "states">;
  readonly pendingWrites: () => number;
  readonly parkedByReason: () => ReadonlyMap<string, number>;
}

export interface MetricsObserver extends Observer {
  released(rows: number): void;
  /** Gauges are read when they are scraped. */
  watch(watched: Watched): void;
}

export function createMetricsObserver(metrics: Metrics): MetricsObserver {
  const attempted = metrics.counter("pipeline_deliveries_attempted_total");
  const e2e = metrics.histogram("pipeline_e2e_latency_seconds").with();
  const exchange = metrics.histogram("ethhook_delivery_exchange_seconds").with();
  const parked = metrics.counter("ethhook_delivery_parked_total");
  const dead = metrics.counter("ethhook_delivery_dead_total");
  const dropped = metrics.counter("ethhook_delivery_taken_back_total");
  const released = metrics.counter("ethhook_delivery_released_total");
  const outcomes = new Map<string, { inc(by?: number): void }>();

  function outcome(status: string): { inc(by?: number): void } {
    let counter = outcomes.get(status);
    if (counter === undefined) outcomes.set(status, (counter = attempted.with({ status })));
    return counter;
  }

  return {
    attempted(attempt) {
      outcome(attempt.outcome).inc();
      exchange.observe(attempt.totalMs / 1_000);
      const first = attempt.attempt === 1 && attempt.outcome === "delivered";
      if (first && attempt.e2eMs !== null) e2e.observe(attempt.e2eMs / 1_000);
    },
    parked: (reason) => parked.inc({ reason }),
    dropped: () => dropped.inc(),
    buried: (reason) => dead.inc({ reason }),
    released: (rows) => released.inc(rows),
    watch({ dispatcher, oldestOpenMs, breakers, pendingWrites, parkedByReason }) {
      metrics.gauge("ethhook_delivery_parked_deliveries").collect(() => {
        const rows = parkedByReason();
        return parkReasons.map((reason) => [{ reason }, rows.get(reason) ?? 0] as const);
      });
      metrics.gauge("ethhook_delivery_lanes").collect(() => [[{}, dispatcher.stats.lanes]]);
      metrics.gauge("ethhook_delivery_queued_jobs").collect(() => [[{}, dispatcher.stats.queued]]);
      metrics.gauge("ethhook_delivery_in_flight_requests").collect(() => [
        [{ pool: "young" }, dispatcher.stats.young],
        [{ pool: "slow" }, dispatcher.stats.slow],
      ]);
      metrics.gauge("ethhook_delivery_oldest_open_job_seconds").collect(() => [[{}, oldestOpenMs() / 1_000]]);
      metrics.gauge("ethhook_delivery_breakers").collect(() => {
        const states = breakers.states();
        return [
          [{ state: "open" }, states.open],
          [{ state: "half_open" }, states.halfOpen],
          [{ state: "closed" }, states.closed],
        ];
      });
      metrics.gauge("ethhook_delivery_postgres_pending_writes").collect(() => [[{}, pendingWrites()]]);
    },
  };
}
