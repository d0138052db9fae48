import type { MetricCatalogue } from "@ethhook/topology";

/** Labels that Prometheus adds to every series it scrapes. */
const scraped = ["job", "instance"];

/** Metrics that other programs expose, and that queries may read. ClickHouse's are checked against a real server. */
const foreign =
  /^(up|ClickHouse(Metrics|ProfileEvents|AsyncMetrics)_\w+|redpanda_\w+|process_\w+|nodejs_\w+)$/;

const words = new Set(
  "sum by max min avg rate increase deriv histogram_quantile absent time offset and or unless on ignoring le count topk label_replace clamp_min irate without vector".split(
    " ",
  ),
);

/** Series of a histogram or counter are named after it. */
function baseName(series: string, catalogue: MetricCatalogue): string {
  const base = series.replace(/_(bucket|sum|count)$/, "");
  return series in catalogue ? series : base;
}

/** What is wrong with the metric names and labels of a PromQL expression; none if they all are declared. */
export function metricProblems(expression: string, catalogue: MetricCatalogue): readonly string[] {
  const bare = expression.replace(/"[^"]*"/g, '""').replace(/\$__?\w+|\[[^\]]*\]/g, "");
  const problems: string[] = [];
  const seen: string[] = [];
  for (const [, name = "", selector = ""] of bare.matchAll(/([a-zA-Z_:][\w:]*)\b(?!\s*\()\s*(\{[^}]*\})?/g)) {
    if (!/_/.test(name) && name !== "up") continue;
    if (words.has(name) || foreign.test(name)) continue;
    const declared = catalogue[baseName(name, catalogue)];
    if (declared === undefined) {
      problems.push(`${name} is no metric`);
      continue;
    }
    const labels = [...(declared.labels ?? []), ...scraped, "le"];
    seen.push(...labels);
    for (const [, label = ""] of selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g))
      if (!labels.includes(label)) problems.push(`${name} has no label ${label}`);
  }
  for (const [, list = ""] of bare.matchAll(/\b(?:by|without)\s*\(([^)]*)\)/g))
    for (const label of list.split(",").map((one) => one.trim()))
      if (seen.length > 0 && !seen.includes(label)) problems.push(`nothing has the label ${label}`);
  return problems;
}
