import type { MetricCatalogue } from "./types.ts";

const exchangeBuckets = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const e2eBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

/** Of the delivery service. The first two keep the names of the system that EthHook replaces. */
export const deliveryMetrics = {
  pipeline_deliveries_attempted_total: {
    type: "counter",
    help: "POSTs that ended, by how they ended.",
    labels: ["status"],
  },
  pipeline_e2e_latency_seconds: {
    type: "histogram",
    help: "From the block being seen to its webhook being answered with 2xx, first attempts only.",
    buckets: e2eBuckets,
  },
  ethhook_delivery_exchange_seconds: {
    type: "histogram",
    help: "One POST, from its start to the end of the answer.",
    buckets: exchangeBuckets,
  },
  ethhook_delivery_lanes: {
    type: "gauge",
    help: "Endpoints with something queued or in flight in this process.",
  },
  ethhook_delivery_queued_jobs: {
    type: "gauge",
    help: "Deliveries taken over from the topic and not yet begun.",
  },
  ethhook_delivery_in_flight_requests: {
    type: "gauge",
    help: "POSTs under way; `slow` ones are older than half a second and no longer count against the global limit.",
    labels: ["pool"],
  },
  ethhook_delivery_oldest_open_job_seconds: {
    type: "gauge",
    help: "Age of the oldest delivery that was taken over and is neither settled nor parked.",
  },
  ethhook_delivery_parked_total: {
    type: "counter",
    help: "Deliveries written to Postgres to be sent later, by reason.",
    labels: ["reason"],
  },
  ethhook_delivery_parked_deliveries: {
    type: "gauge",
    help: "Deliveries that wait in Postgres for partitions of this process, by reason; counted every 15 s.",
    labels: ["reason"],
  },
  ethhook_delivery_released_total: {
    type: "counter",
    help: "Parked deliveries that were put back on `deliveries`.",
  },
  ethhook_delivery_taken_back_total: {
    type: "counter",
    help: "Deliveries that were not sent because a reorg took their log back first, or that are in another batch already.",
  },
  ethhook_delivery_dead_total: {
    type: "counter",
    help: "Deliveries that were given up, by reason.",
    labels: ["reason"],
  },
  ethhook_delivery_breakers: {
    type: "gauge",
    help: "Circuit breakers of endpoints, by state. A breaker exists from an endpoint's first failure until it is well again.",
    labels: ["state"],
  },
  ethhook_delivery_postgres_pending_writes: {
    type: "gauge",
    help: "Rows that wait in memory because Postgres has not taken them yet.",
  },
} as const satisfies MetricCatalogue;
