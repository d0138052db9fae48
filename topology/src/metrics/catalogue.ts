import { apiMetrics } from "./api.ts";
import { deliveryMetrics } from "./delivery.ts";
import { ingestorMetrics } from "./ingestor.ts";
import { kafkaMetrics } from "./kafka.ts";
import { lagMetrics } from "./lag.ts";
import { matcherMetrics } from "./matcher.ts";

/** Every metric that any process exposes. Docs, dashboards and alerts are checked against it. */
export const metricCatalogue = {
  ...kafkaMetrics,
  ...ingestorMetrics,
  ...matcherMetrics,
  ...deliveryMetrics,
  ...apiMetrics,
  ...lagMetrics,
} as const;

export type MetricName = keyof typeof metricCatalogue;
