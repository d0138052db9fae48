import type { MetricCatalogue } from "./types.ts";

const fastSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;

/** What the kit's consumer loop and producers say about themselves, in every service. */
export const kafkaMetrics = {
  ethhook_kafka_records_consumed_total: {
    type: "counter",
    help: "Records handed over to the service, again after a replay.",
    labels: ["group", "topic"],
  },
  ethhook_kafka_records_in_flight: {
    type: "gauge",
    help: "Records handed over and not yet settled.",
    labels: ["group"],
  },
  ethhook_kafka_partitions_assigned: {
    type: "gauge",
    help: "Partitions that this process owns now.",
    labels: ["group"],
  },
  ethhook_kafka_partitions_paused: {
    type: "gauge",
    help: "Owned partitions that are not fetched: too much unsettled, or the service waits.",
    labels: ["group"],
  },
  ethhook_kafka_commit_duration_seconds: {
    type: "histogram",
    help: "Time of one offset commit of all partitions.",
    labels: ["group"],
    buckets: fastSeconds,
  },
  ethhook_kafka_commit_failures_total: {
    type: "counter",
    help: "Offset commits that the broker refused or did not answer; repeated by the next one.",
    labels: ["group"],
  },
  ethhook_kafka_rebalances_total: {
    type: "counter",
    help: "Times that partitions were given back: rebalances and stops.",
    labels: ["group"],
  },
  ethhook_kafka_drain_duration_seconds: {
    type: "histogram",
    help: "Time from the start of a rebalance until this process had drained and committed.",
    labels: ["group"],
    buckets: fastSeconds,
  },
  ethhook_kafka_records_abandoned_total: {
    type: "counter",
    help: "Records unsettled when their partition was given back: another owner reads them again.",
    labels: ["group"],
  },
  ethhook_kafka_consumer_restarts_total: {
    type: "counter",
    help: "Times that the client library restarted its consumer after an error.",
    labels: ["group"],
  },
  ethhook_kafka_offsets_lost_total: {
    type: "counter",
    help: "Partitions whose next record had been deleted by retention before it was read. Data was lost.",
    labels: ["group", "topic"],
  },
  ethhook_kafka_records_produced_total: {
    type: "counter",
    help: "Records acknowledged by the broker.",
  },
  ethhook_kafka_produced_bytes_total: {
    type: "counter",
    help: "Bytes of keys and values acknowledged, before compression.",
  },
  ethhook_kafka_produce_duration_seconds: {
    type: "histogram",
    help: "Time of one produce request, from the flush to the acknowledgement.",
    buckets: fastSeconds,
  },
  ethhook_kafka_produce_failures_total: {
    type: "counter",
    help: "Produce requests that failed or timed out; their records were sent again unless refused for good.",
  },
  ethhook_kafka_producer_replacements_total: {
    type: "counter",
    help: "Times that a producer object was given up and replaced after a failure.",
  },
  ethhook_kafka_producer_buffered_bytes: {
    type: "gauge",
    help: "Bytes accepted by producers and not yet acknowledged.",
  },
} as const satisfies MetricCatalogue;
