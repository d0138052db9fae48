import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { renderDashboards } from "@ethhook/infra/grafana";
import { metricCatalogue } from "@ethhook/topology";
import { expect, it } from "vitest";
import { metricProblems } from "../support/promql.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

interface DashboardFile {
  readonly uid: string;
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly type: string;
    readonly description?: string;
    readonly targets?: readonly { readonly expr: string }[];
  }[];
  readonly templating: { readonly list: readonly { readonly query: { readonly query: string } }[] };
}

const rendered = [...renderDashboards()];
const files = rendered.map(([path, text]) => [path, JSON.parse(text) as DashboardFile] as const);

it.each(rendered)("%s in the repository is as rendered", (path, text) => {
  expect(readFileSync(root + path, "utf8") === text, "run npm run topology -- render --write").toBe(true);
});

it("the folder holds no dashboard that nobody renders", () => {
  const found = readdirSync(`${root}infra/grafana/dashboards`).map(
    (name) => `infra/grafana/dashboards/${name}`,
  );
  expect(new Set(found)).toEqual(new Set(rendered.map(([path]) => path)));
});

it.each(files)("%s reads metrics and labels that some process has", (_path, { panels, templating }) => {
  const queries = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  expect(queries.length).toBeGreaterThan(5);
  expect(queries.flatMap((query) => metricProblems(query, metricCatalogue))).toEqual([]);
  for (const { query } of templating.list) {
    const [, metric = "", label = ""] = /^label_values\((\w+), (\w+)\)$/.exec(query.query) ?? [];
    expect(metricProblems(`sum by (${label}) (${metric})`, metricCatalogue)).toEqual([]);
  }
});

it.each(files)("%s says of each panel what to look for", (_path, { panels }) => {
  const drawn = panels.filter(({ type }) => type !== "row");
  expect(drawn.filter(({ description = "" }) => description === "")).toEqual([]);
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
});
