import type { MetricCatalogue } from "./types.ts";

/** What `npm run lag -- --serve` tells of every group, ClickHouse's too. */
export const lagMetrics = {
  ethhook_lag_records: {
    type: "gauge",
    help: "Records between a group's committed offset and the end of the partition. Markers of transactions count.",
    labels: ["group", "topic", "partition"],
  },
  ethhook_lag_eligible_records: {
    type: "gauge",
    help: "The part of the lag that does not wait for finality on purpose: what more members could work on.",
    labels: ["group", "topic", "partition"],
  },
  ethhook_lag_seconds: {
    type: "gauge",
    help: "Age of the oldest record that the group has not committed; 0 without lag.",
    labels: ["group", "topic", "partition"],
  },
  ethhook_lag_retention_ratio: {
    type: "gauge",
    help: "Age of the oldest open record as a share of the topic's retention: at 1 it is deleted unread.",
    labels: ["group", "topic"],
  },
  ethhook_lag_group_members: {
    type: "gauge",
    help: "Members of a consumer group.",
    labels: ["group"],
  },
  ethhook_lag_scrape_timestamp_seconds: {
    type: "gauge",
    help: "When these figures were last read from the broker, Unix time.",
  },
} as const satisfies MetricCatalogue;
