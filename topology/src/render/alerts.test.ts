import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { builtInChains } from "../chains.ts";
import { metricCatalogue } from "../metrics/catalogue.ts";
import { createTopology } from "../topics.ts";
import { lagAlerts } from "./alerts.ts";

const rules = lagAlerts(createTopology(builtInChains));
const operations = readFileSync(new URL("../../../OPERATIONS.md", import.meta.url), "utf8");
const headings = operations
  .split("\n")
  .filter((line) => line.startsWith("#"))
  .map((line) => line.replace(/^#+ /, "").toLowerCase().replaceAll(" ", "-"));

test("each alert has its own name, a section of the runbook, and metrics that exist", () => {
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
  for (const rule of rules) {
    expect(headings, rule.alert).toContain(rule.runbook);
    const metrics = rule.expr.match(/ethhook_\w+/g) ?? [];
    expect(metrics.length, rule.alert).toBeGreaterThan(0);
    for (const metric of metrics) expect(Object.keys(metricCatalogue)).toContain(metric);
  }
});

test("every group has a lag alert, and every service group one for missing members", () => {
  const { groups } = createTopology(builtInChains);
  for (const { id, member } of groups) {
    const alerts = rules
      .filter(({ expr }) => expr.includes(`group="${id}"`))
      .map(({ alert }) => alert.split("_")[0]);
    expect(alerts).toEqual(member === "clickhouse" ? ["EthhookLag"] : ["EthhookLag", "EthhookNoMembers"]);
  }
});
