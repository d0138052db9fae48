import type { MetricCatalogue } from "./types.ts";

/** Metrics of the ingestor. `chain` is the chain's name. */
export const ingestorMetrics = {
  ethhook_ingestor_blocks_published_total: {
    type: "counter",
    help: "Ledger records acknowledged by the broker, by what happened to the block.",
    labels: ["chain", "kind"],
  },
  ethhook_ingestor_logs_published_total: {
    type: "counter",
    help: "Logs acknowledged by the broker: new, or removed by a reorg.",
    labels: ["chain", "kind"],
  },
  ethhook_ingestor_leading: {
    type: "gauge",
    help: "1 where this process writes the chain, 0 where it stands by.",
    labels: ["chain"],
  },
  ethhook_ingestor_logs_refused_total: {
    type: "counter",
    help: "Logs larger than a record can be: a reference to each is in logs.dlq.",
    labels: ["chain"],
  },
  ethhook_ingestor_tip_block: {
    type: "gauge",
    help: "Number of the newest block in the ledger.",
    labels: ["chain"],
  },
  ethhook_ingestor_head_lag_blocks: {
    type: "gauge",
    help: "Blocks between the highest announced head and the newest one in the ledger.",
    labels: ["chain"],
  },
  ethhook_ingestor_head_lag_seconds: {
    type: "gauge",
    help: "Age of the newest block in the ledger, by its own timestamp.",
    labels: ["chain"],
  },
  ethhook_ingestor_head_age_seconds: {
    type: "gauge",
    help: "Since any provider announced a higher head; readiness follows it.",
    labels: ["chain"],
  },
  ethhook_ingestor_finalized_block: {
    type: "gauge",
    help: "Number of the newest block that is recorded as final.",
    labels: ["chain"],
  },
  ethhook_ingestor_provider_up: {
    type: "gauge",
    help: "1 where a provider can be asked, 0 where it is down, paused, behind an open circuit or of another chain.",
    labels: ["chain", "provider"],
  },
  ethhook_ingestor_provider_latency_seconds: {
    type: "gauge",
    help: "Mean time of a provider's answers, newer ones weighing more.",
    labels: ["chain", "provider"],
  },
  ethhook_ingestor_head_to_published_seconds: {
    type: "histogram",
    help: "From hearing of a block to the broker's acknowledgement of its logs.",
    labels: ["chain"],
    buckets: [0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60],
  },
  ethhook_ingestor_reorgs_total: {
    type: "counter",
    help: "Branches left, by whether a block that counted as final was on them.",
    labels: ["chain", "finalized"],
  },
  ethhook_ingestor_reorg_depth_blocks: {
    type: "histogram",
    help: "Blocks taken back by a reorg.",
    labels: ["chain"],
    buckets: [1, 2, 3, 5, 8, 16, 32, 64, 128, 1_024],
  },
  ethhook_ingestor_removals_incomplete_total: {
    type: "counter",
    help: "Blocks that a reorg took back without their removed logs: the topic no longer holds what was published of them.",
    labels: ["chain"],
  },
  ethhook_ingestor_finality_conflicts_total: {
    type: "counter",
    help: "Times that a provider called another block final than the published one of its number.",
    labels: ["chain"],
  },
  ethhook_ingestor_provider_failures_total: {
    type: "counter",
    help: "Requests to a provider that got no usable answer, by kind of failure.",
    labels: ["chain", "provider", "failure"],
  },
  ethhook_ingestor_block_checks_total: {
    type: "counter",
    help: "Checks of a block and its logs: passed, failed, or failed while only observed; admitted: its header fails at every provider alike, so its block is published with proof none.",
    labels: ["chain", "provider", "check", "outcome"],
  },
} as const satisfies MetricCatalogue;
