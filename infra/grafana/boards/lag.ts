import { gauge, rate, type Dashboard } from "../panels.ts";

const groups = '{group=~"$group"}';

/** Consumer groups: how far behind, how dangerous, who works. */
export const lagBoard: Dashboard = {
  uid: "lag",
  title: "EthHook: lag and groups",
  variables: [{ label: "group", metric: "ethhook_lag_records" }],
  rows: [
    {
      title: "Lag, read from the broker (npm run lag -- --serve)",
      panels: [
        {
          title: "Records behind",
          description:
            "By group. Markers of transactions count, so a quiet group may stand a little above 0.",
          unit: "short",
          queries: [gauge("sum", "ethhook_lag_records", ["group"], groups)],
        },
        {
          title: "Records that could be worked on now",
          description: "Without those that wait for finality on purpose. Autoscaling follows it.",
          unit: "short",
          queries: [gauge("sum", "ethhook_lag_eligible_records", ["group"], groups)],
        },
        {
          title: "Age of the oldest open record",
          description: "By group.",
          unit: "s",
          queries: [gauge("max", "ethhook_lag_seconds", ["group"], groups)],
        },
      ],
    },
    {
      title: "Groups that wait for finality, read from the matchers",
      panels: [
        {
          title: "Final and not matched yet",
          description:
            "How long ago its block became final, by chain. The delay of finality itself is not in it.",
          unit: "s",
          queries: [gauge("max", "ethhook_matcher_eligible_seconds", ["group", "chain"], groups)],
        },
        {
          title: "Logs that are final and not matched yet",
          description: "At most so many, by chain.",
          unit: "short",
          queries: [gauge("max", "ethhook_matcher_eligible_logs", ["group", "chain"], groups)],
        },
        {
          title: "Named lists in memory",
          description: "Addresses of all lists, in each matcher.",
          unit: "short",
          queries: [gauge("max", "ethhook_matcher_list_addresses", ["instance"])],
        },
        {
          title: "Memory of named lists",
          description: "Of each matcher.",
          unit: "bytes",
          queries: [gauge("max", "ethhook_matcher_list_bytes", ["instance"])],
        },
      ],
    },
    {
      title: "Danger",
      panels: [
        {
          title: "Share of retention used",
          description: "At 1 the oldest open record is deleted unread.",
          unit: "percentunit",
          queries: [gauge("max", "ethhook_lag_retention_ratio", ["group", "topic"], groups)],
        },
        {
          title: "Members",
          description: "More than there are partitions are idle.",
          unit: "none",
          kind: "stat",
          queries: [gauge("max", "ethhook_lag_group_members", ["group"], groups)],
        },
        {
          title: "Rebalances",
          description: "Each one stops the group for a moment.",
          unit: "ops",
          queries: [rate("ethhook_kafka_rebalances_total", ["group"], groups)],
        },
      ],
    },
    {
      title: "Consumers of the services",
      panels: [
        {
          title: "Records read",
          description: "By group and topic.",
          unit: "ops",
          queries: [rate("ethhook_kafka_records_consumed_total", ["group", "topic"], groups)],
        },
        {
          title: "Handed over, not yet settled",
          description: "What a crash would have done again.",
          unit: "short",
          queries: [gauge("sum", "ethhook_kafka_records_in_flight", ["group"], groups)],
        },
        {
          title: "Paused partitions",
          description: "Too much unsettled, or the service waits on purpose.",
          unit: "short",
          queries: [gauge("sum", "ethhook_kafka_partitions_paused", ["group"], groups)],
        },
      ],
    },
  ],
};
