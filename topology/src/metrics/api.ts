import type { MetricCatalogue } from "./types.ts";

export const apiMetrics = {
  ethhook_api_requests_total: {
    type: "counter",
    help: "Requests answered by the API, by operation and HTTP status.",
    labels: ["operation", "status"],
  },
  ethhook_api_request_duration_seconds: {
    type: "histogram",
    help: "Time from the first byte of a request to the last of its answer.",
    labels: ["operation"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  },
} as const satisfies MetricCatalogue;
