import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { metricCatalogue } from "@ethhook/topology";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { metricProblems } from "../support/promql.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const text = (path: string): string => readFileSync(root + path, "utf8");

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}
interface RuleFile {
  readonly groups: readonly { readonly rules: readonly Rule[] }[];
}

const files = ["infra/prometheus/rules/services.yml", "infra/generated/lag-alerts.yaml"] as const;
const rules = files.flatMap((path) => (parse(text(path)) as RuleFile).groups.flatMap((group) => group.rules));
const own = (parse(text(files[0])) as RuleFile).groups.flatMap((group) => group.rules);

/** The fragment that a heading is linked by, as GitHub makes it. */
function fragment(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, "")
    .trim()
    .replaceAll(" ", "-");
}

it.each(rules)("$alert reads metrics and labels that some process has", ({ expr }) => {
  expect(metricProblems(expr, metricCatalogue)).toEqual([]);
});

it("a metric or label that nobody has would be found", () => {
  expect(metricProblems("rate(ethhook_kafka_nothing_total[5m])", metricCatalogue)).toEqual([
    "ethhook_kafka_nothing_total is no metric",
  ]);
  expect(
    metricProblems('sum by (planet) (ethhook_lag_records{group=~"a", moon="x"})', metricCatalogue),
  ).toEqual(["ethhook_lag_records has no label moon", "nothing has the label planet"]);
});

it("every alert says who is to be woken, and each name is used once", () => {
  for (const { labels } of rules) expect(["page", "ticket"]).toContain(labels.severity);
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
});

describe("RUNBOOK.md", () => {
  const runbook = text("RUNBOOK.md");
  const sections = runbook.split(/^## /m).slice(1);

  it.each(own)(
    "has a section for $alert that names it and says what to do",
    ({ alert, labels, annotations }) => {
      const wanted = annotations.runbook.replace("RUNBOOK.md#", "");
      const section = sections.find((one) => fragment(one.split("\n")[0] ?? "") === wanted);
      expect(section).toContain(`\`${alert}\`, ${labels.severity}.`);
      expect(section).toContain("\n- Look: ");
      expect(section).toContain("\n- Do: ");
    },
  );

  it("has no section for an alert that is gone, and no broken link to a section", () => {
    const named = [...runbook.matchAll(/^`(Ethhook\w+)`,/gm)].map((match) => match[1]);
    expect(new Set(named)).toEqual(new Set(own.map(({ alert }) => alert)));
    const fragments = new Set(sections.map((one) => fragment(one.split("\n")[0] ?? "")));
    const links = [...runbook.matchAll(/\]\(#([\w-]+)\)/g)].map((match) => match[1] ?? "");
    expect(links.filter((link) => !fragments.has(link))).toEqual([]);
  });

  it("speaks of metrics that exist", () => {
    const spoken = [...runbook.matchAll(/`((?:ethhook|pipeline)_\w+)`/g)].map((match) => match[1] ?? "");
    expect(spoken.filter((name) => !(name in metricCatalogue))).toEqual([]);
  });
});

describe.runIf(!spawnSync("promtool", ["--version"]).error)("promtool", () => {
  const promtool = (...args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync("promtool", args, { cwd: root, encoding: "utf8" });
    return { status, said: stdout + stderr };
  };

  it.each(files)("finds %s right", (path) => {
    expect(promtool("check", "rules", path)).toMatchObject({ status: 0 });
  });

  it("finds the configuration right", () => {
    expect(promtool("check", "config", "infra/prometheus/prometheus.yml")).toMatchObject({ status: 0 });
  });

  it("sees the alerts fire, and not fire, on made-up series", () => {
    expect(promtool("test", "rules", "infra/prometheus/alerts.test.yml")).toMatchObject({ status: 0 });
  });
});
