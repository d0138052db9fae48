import type { metricCatalogue } from "@ethhook/topology";
import type { Logger } from "pino";
import type { MetricsOf } from "./metrics.ts";

/** What every service is given. Cores get only what their ports name. */
export interface ServiceDeps {
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** The instruments of the product's catalogue (`topology/src/metrics/`). */
export type Metrics = MetricsOf<typeof metricCatalogue>;

/** A running part of the pipeline. `createX(config, deps)` makes one and starts nothing. */
export interface Service {
  start(): Promise<void>;
  /** Stop fetching, drain, flush, commit, leave: within `budgetMs`. */
  stop(budgetMs: number): Promise<void>;
  /** Reasons why this process should get no traffic; none means ready. */
  notReady(): readonly string[];
  /** Resolves (never rejects) with the error when the service is dead and must be restarted. */
  readonly crashed: Promise<Error>;
}
