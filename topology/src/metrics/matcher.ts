import type { MetricCatalogue } from "./types.ts";

/** What matching says about itself. `group` is the consumer group: `matcher.latest`, `.confirmed`, `.finalized`. */
export const matcherMetrics = {
  ethhook_matcher_logs_total: {
    type: "counter",
    help: "Logs that were matched against the filters, again after a replay.",
    labels: ["group", "chain"],
  },
  ethhook_matcher_logs_matched_total: {
    type: "counter",
    help: "Logs that some endpoint was told of.",
    labels: ["group", "chain"],
  },
  ethhook_matcher_deliveries_total: {
    type: "counter",
    help: "Deliveries written: one for each log and endpoint.",
    labels: ["group", "chain"],
  },
  ethhook_matcher_dead_letters_total: {
    type: "counter",
    help: "Records of logs.* that no version can read, copied to logs.dlq.",
    labels: ["group", "chain"],
  },
  ethhook_matcher_partitions_stopped: {
    type: "gauge",
    help: "Partitions at a standstill: a newer message version, or nearly every record unreadable.",
    labels: ["group"],
  },
  ethhook_matcher_filters: {
    type: "gauge",
    help: "Filters in memory by finality, those of recent versions included.",
    labels: ["finality"],
  },
  ethhook_matcher_list_addresses: {
    type: "gauge",
    help: "Addresses of named lists in memory; one that stands in two lists counts twice.",
  },
  ethhook_matcher_list_bytes: {
    type: "gauge",
    help: "Bytes of the tables that hold the addresses of named lists.",
  },
  ethhook_matcher_eligible_logs: {
    type: "gauge",
    help: "Logs of blocks that have reached the group's finality, from the first block on with a log that this process has still to match: at most so many wait for it.",
    labels: ["group", "chain"],
  },
  ethhook_matcher_eligible_seconds: {
    type: "gauge",
    help: "How long ago the first of those blocks reached the finality; 0 when nothing that is final waits.",
    labels: ["group", "chain"],
  },
  ethhook_matcher_filter_version: {
    type: "gauge",
    help: "Newest version of the filter set that is in memory.",
  },
} as const satisfies MetricCatalogue;
