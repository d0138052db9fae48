import { gauge, quantiles, rate, type Dashboard } from "../panels.ts";

/** The first look: from block to webhook, and whether anything waits for a person. */
export const pipelineBoard: Dashboard = {
  uid: "pipeline",
  title: "EthHook: the pipeline",
  rows: [
    {
      title: "From block to webhook",
      panels: [
        {
          title: "Block seen to webhook answered",
          description: "First attempts that were answered with 2xx. Receivers' own time is in it.",
          unit: "s",
          queries: quantiles("pipeline_e2e_latency_seconds"),
        },
        {
          title: "Logs in, deliveries out",
          description: "Published logs, logs that someone was told of, deliveries written, POSTs that ended.",
          unit: "ops",
          queries: [
            { ...rate("ethhook_ingestor_logs_published_total"), legend: "logs published" },
            { ...rate("ethhook_matcher_logs_matched_total"), legend: "logs matched" },
            { ...rate("ethhook_matcher_deliveries_total"), legend: "deliveries written" },
            { ...rate("pipeline_deliveries_attempted_total"), legend: "POSTs" },
          ],
        },
        {
          title: "Age of the oldest open record",
          description: "By group. The finality groups lag on purpose; see the dashboard on lag.",
          unit: "s",
          queries: [gauge("max", "ethhook_lag_seconds", ["group"])],
        },
      ],
    },
    {
      title: "Health",
      panels: [
        {
          title: "Processes that answer",
          description: "By service. 0 is a service that is gone.",
          unit: "none",
          kind: "stat",
          queries: [{ expr: 'sum by (job) (up{job=~"ingestor|matcher|delivery|api"})', legend: "{{job}}" }],
        },
        {
          title: "Partitions at a standstill",
          description: "Anything but 0 waits for a person: RUNBOOK.md, a partition stands still.",
          unit: "none",
          kind: "stat",
          queries: [gauge("max", "ethhook_matcher_partitions_stopped", ["group"])],
        },
        {
          title: "Writes and commits that failed",
          description: "Repeated by themselves; a level above 0 is a broker in trouble.",
          unit: "ops",
          queries: [
            { ...rate("ethhook_kafka_produce_failures_total"), legend: "produce" },
            { ...rate("ethhook_kafka_commit_failures_total"), legend: "commit" },
          ],
        },
      ],
    },
    {
      title: "The broker, seen by its clients",
      panels: [
        {
          title: "Time of a produce request",
          description: "From the flush to the acknowledgement, all services.",
          unit: "s",
          queries: quantiles("ethhook_kafka_produce_duration_seconds", ["job"]),
        },
        {
          title: "Bytes written",
          description: "Keys and values before compression.",
          unit: "bytes",
          queries: [rate("ethhook_kafka_produced_bytes_total", ["job"])],
        },
        {
          title: "CPU",
          description: "Cores used by each process.",
          unit: "short",
          queries: [
            {
              expr: "sum by (job, instance) (rate(process_cpu_seconds_total[$__rate_interval]))",
              legend: "{{job}} {{instance}}",
            },
          ],
        },
      ],
    },
  ],
};
