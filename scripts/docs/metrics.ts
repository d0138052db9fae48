import type { MetricCatalogue } from "@ethhook/topology";
import { code, document, table } from "./markdown.ts";

export function metricsDocument(catalogue: MetricCatalogue): string {
  const rows = Object.entries(catalogue)
    .toSorted(([a], [b]) => a.localeCompare(b, "en"))
    .map(([name, metric]) => [
      code(name),
      metric.type,
      (metric.labels ?? []).map(code).join(", "),
      metric.buckets === undefined ? metric.help : `${metric.help} Buckets: ${metric.buckets.join(", ")}.`,
    ]);
  return document("Metrics", "`topology/src/metrics`", [
    "Every service exposes its metrics as Prometheus text at `/metrics` of its `HTTP_PORT`. Names end in their base unit;" +
      " the values of every label are a closed set.",
    table(["Metric", "Type", "Labels", "Meaning"], rows),
  ]);
}
