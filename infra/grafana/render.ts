import { dashboards } from "./dashboards.ts";
import type { Dashboard, Panel } from "./panels.ts";

const columns = 24;
const panelHeight = 8;
const datasource = { type: "prometheus", uid: "prometheus" } as const;

/** The dashboards as Grafana reads them: path from the root → text. Pure. */
export function renderDashboards(): ReadonlyMap<string, string> {
  return new Map(
    dashboards.map((dashboard) => [
      `infra/grafana/dashboards/${dashboard.uid}.json`,
      `${JSON.stringify(renderDashboard(dashboard), null, 1)}\n`,
    ]),
  );
}

function renderDashboard({ uid, title, rows, variables = [] }: Dashboard): object {
  let id = 0;
  let y = 0;
  const panels = rows.flatMap((row) => {
    const heading = {
      id: (id += 1),
      type: "row",
      title: row.title,
      collapsed: false,
      gridPos: { h: 1, w: columns, x: 0, y },
      panels: [],
    };
    y += 1;
    const width = Math.floor(columns / row.panels.length);
    const drawn = row.panels.map((panel, index) =>
      renderPanel(panel, (id += 1), { h: panelHeight, w: width, x: index * width, y }),
    );
    y += panelHeight;
    return [heading, ...drawn];
  });
  return {
    uid,
    title,
    tags: ["ethhook"],
    schemaVersion: 39,
    version: 1,
    editable: false,
    refresh: "10s",
    time: { from: "now-1h", to: "now" },
    timezone: "browser",
    templating: {
      list: variables.map(({ label, metric }) => ({
        type: "query",
        name: label,
        label,
        datasource,
        query: { query: `label_values(${metric}, ${label})`, refId: "values" },
        refresh: 2,
        multi: true,
        includeAll: true,
        allValue: ".*",
        current: { text: "All", value: "$__all" },
      })),
    },
    links: [{ type: "dashboards", tags: ["ethhook"], title: "EthHook", asDropdown: true, keepTime: true }],
    panels,
  };
}

function renderPanel(panel: Panel, id: number, gridPos: object): object {
  const { title, description, unit, queries, kind = "timeseries", stacked } = panel;
  const lines = {
    drawStyle: "line",
    lineWidth: 1,
    fillOpacity: stacked ? 30 : 8,
    showPoints: "never",
    stacking: { mode: stacked ? "normal" : "none", group: "A" },
  };
  return {
    id,
    type: kind,
    title,
    description,
    gridPos,
    datasource,
    fieldConfig: {
      defaults: { unit, min: 0, ...(kind === "timeseries" ? { custom: lines } : {}) },
      overrides: [],
    },
    options:
      kind === "timeseries"
        ? { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } }
        : { reduceOptions: { calcs: ["lastNotNull"] }, textMode: "value_and_name", colorMode: "value" },
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode(65 + index),
      datasource,
      expr,
      legendFormat: legend,
      range: true,
    })),
  };
}
