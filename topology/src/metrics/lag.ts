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
  ethhook_lag_committed_offset: {
    type: "gauge",
    help: "The next offset that the group reads; its rate is what the group reads a second. Absent before the first commit.",
    labels: ["group", "topic", "partition"],
  },
  ethhook_lag_end_offset: {
    type: "gauge",
    help: "Where a reader of the partition ends now; its rate is what is written a second.",
    labels: ["group", "topic", "partition"],
  },
  ethhook_lag_drain_seconds: {
    type: "gauge",
    help: "Until the group's eligible lag is gone at the present rates. Absent while it does not shrink.",
    labels: ["group"],
  },
  ethhook_lag_lost_records: {
    type: "gauge",
    help: "Records behind the committed offset that retention deleted before the group read them.",
    labels: ["group", "topic"],
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
