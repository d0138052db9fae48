import { gauge, type Dashboard, type Query } from "../panels.ts";

/** Rate of one of ClickHouse's own counters. */
const perSecond = (event: string, legend: string): Query => ({
  expr: `sum(rate(ClickHouseProfileEvents_${event}[$__rate_interval]))`,
  legend,
});

/** ClickHouse: reading the topics, serving queries, storage. */
export const clickhouseBoard: Dashboard = {
  uid: "clickhouse",
  title: "EthHook: ClickHouse",
  rows: [
    {
      title: "Reading the topics",
      panels: [
        {
          title: "Rows from Kafka",
          description: "Read, and refused by the parser (they go to ingest_errors).",
          unit: "ops",
          queries: [perSecond("KafkaRowsRead", "read"), perSecond("KafkaRowsRejected", "refused")],
        },
        {
          title: "Lag of ClickHouse's groups",
          description: "Age of the oldest record that is not a row yet.",
          unit: "s",
          queries: [gauge("max", "ethhook_lag_seconds", ["group"], '{group=~"clickhouse[.].*"}')],
        },
        {
          title: "Errors of the consumers",
          description: "And commits that failed.",
          unit: "ops",
          queries: [
            perSecond("KafkaConsumerErrors", "consumer errors"),
            perSecond("KafkaCommitFailures", "commit failures"),
          ],
        },
      ],
    },
    {
      title: "Serving queries",
      panels: [
        {
          title: "Queries",
          description: "And those that failed.",
          unit: "reqps",
          queries: [perSecond("SelectQuery", "select"), perSecond("FailedSelectQuery", "failed")],
        },
        {
          title: "Mean time of a query",
          description: "Selects only.",
          unit: "s",
          queries: [
            {
              expr: "sum(rate(ClickHouseProfileEvents_SelectQueryTimeMicroseconds[$__rate_interval])) / sum(rate(ClickHouseProfileEvents_SelectQuery[$__rate_interval])) / 1000000",
              legend: "mean",
            },
          ],
        },
        {
          title: "Memory",
          description: "Tracked by the server.",
          unit: "bytes",
          queries: [{ expr: "ClickHouseMetrics_MemoryTracking", legend: "tracked" }],
        },
      ],
    },
    {
      title: "Storage",
      panels: [
        {
          title: "Rows inserted",
          description: "By the views behind the topics.",
          unit: "ops",
          queries: [perSecond("InsertedRows", "rows")],
        },
        {
          title: "Parts",
          description: "Active ones; too many in one partition slows inserts down.",
          unit: "short",
          queries: [
            { expr: "ClickHouseMetrics_PartsActive", legend: "active" },
            { expr: "ClickHouseAsyncMetrics_MaxPartCountForPartition", legend: "most in one partition" },
          ],
        },
        {
          title: "Size of the tables",
          description: "Compressed, on disk.",
          unit: "bytes",
          queries: [{ expr: "ClickHouseAsyncMetrics_TotalBytesOfMergeTreeTables", legend: "tables" }],
        },
      ],
    },
  ],
};
