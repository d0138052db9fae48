import type { MetricName } from "@ethhook/topology";

/** How values are shown: Grafana's names of units. */
export type Unit = "short" | "s" | "ops" | "reqps" | "bytes" | "percentunit" | "none";

export interface Query {
  readonly expr: string;
  /** Names a line by its labels, as in `{{chain}}`. */
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  /** What to look for, in the panel's corner. */
  readonly description: string;
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** `stat` shows the newest value large; default `timeseries`. */
  readonly kind?: "timeseries" | "stat";
  readonly stacked?: true;
}

export interface Dashboard {
  /** File name and address in Grafana. */
  readonly uid: string;
  readonly title: string;
  readonly rows: readonly { readonly title: string; readonly panels: readonly Panel[] }[];
  /** Choices at the top: a label, filled with the values that a metric has. */
  readonly variables?: readonly { readonly label: string; readonly metric: MetricName }[];
}

/** A metric's name, checked by the compiler against the catalogue. */
const named = (metric: MetricName): MetricName => metric;

/** Sum of a counter's rate, by labels. */
export function rate(metric: MetricName, by: readonly string[] = [], selector = ""): Query {
  const grouping = by.length > 0 ? ` by (${by.join(", ")})` : "";
  return {
    expr: `sum${grouping} (rate(${named(metric)}${selector}[$__rate_interval]))`,
    legend: by.map((label) => `{{${label}}}`).join(" ") || metric,
  };
}

/** An aggregate of a gauge, by labels. */
export function gauge(
  aggregate: "sum" | "max" | "min",
  metric: MetricName,
  by: readonly string[] = [],
  selector = "",
): Query {
  const grouping = by.length > 0 ? ` by (${by.join(", ")})` : "";
  const legend = by.map((label) => `{{${label}}}`).join(" ") || metric;
  return { expr: `${aggregate}${grouping} (${named(metric)}${selector})`, legend };
}

/** Median and 99th percentile of a histogram. */
export function quantiles(metric: MetricName, by: readonly string[] = [], selector = ""): readonly Query[] {
  const labels = by.map((label) => `{{${label}}}`).join(" ");
  return [0.5, 0.99].map((quantile) => ({
    expr: `histogram_quantile(${quantile}, sum by (${[...by, "le"].join(", ")}) (rate(${named(metric)}_bucket${selector}[$__rate_interval])))`,
    legend: `p${quantile * 100} ${labels}`.trim(),
  }));
}
