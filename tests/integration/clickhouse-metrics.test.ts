import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { startClickHouse, type ClickHouseEngine } from "@ethhook/infra";
import { afterAll, beforeAll, expect, it } from "vitest";

const infra = fileURLToPath(new URL("../../infra", import.meta.url));
const folders = ["prometheus/rules", "grafana/dashboards"];

let clickhouse: ClickHouseEngine;
beforeAll(async () => {
  clickhouse = await startClickHouse();
});
afterAll(() => clickhouse.stop());

async function names(statement: string): Promise<readonly string[]> {
  const answer = await fetch(clickhouse.url, { method: "POST", body: statement });
  return (await answer.text()).split("\n").filter((line) => line !== "");
}

it("alerts and dashboards read counters that this version of ClickHouse has", async () => {
  const texts = folders.flatMap((folder) =>
    readdirSync(`${infra}/${folder}`).map((name) => readFileSync(`${infra}/${folder}/${name}`, "utf8")),
  );
  const used = (kind: string): readonly string[] =>
    texts.flatMap((text) =>
      [...text.matchAll(new RegExp(`ClickHouse${kind}_(\\w+)`, "g"))].map((match) => match[1] ?? ""),
    );
  const known = {
    // The table of events lists only those that happened, unless it is asked for all.
    ProfileEvents: await names(
      "SELECT event FROM system.events SETTINGS system_events_show_zero_values = 1 FORMAT TSV",
    ),
    Metrics: await names("SELECT metric FROM system.metrics FORMAT TSV"),
    // Computed by a real server only; these are long-standing.
    AsyncMetrics: ["MaxPartCountForPartition", "TotalBytesOfMergeTreeTables"],
  };
  for (const [kind, all] of Object.entries(known)) {
    expect(all.length).toBeGreaterThan(1);
    expect(used(kind).filter((name) => !all.includes(name))).toEqual([]);
  }
});
