import { builtInChains } from "../chains.ts";
import { createTopology } from "../topics.ts";
import { lagAlerts, renderAlerts } from "./alerts.ts";
import { renderClickHouse } from "./clickhouse.ts";
import { renderKeda } from "./keda.ts";
import { renderMermaid } from "./mermaid.ts";
import { renderRpk } from "./rpk.ts";
import { renderTopicTable } from "./topic-table.ts";

/** The marks in README.md between which the rendered section stands. */
export const sectionBegin = "<!-- topology:begin (npm run topology -- render --write) -->";
export const sectionEnd = "<!-- topology:end -->";

/** Every file that is a rendering of the topology with its built-in chains: path from the root → text. Pure. */
export function renderAll(): ReadonlyMap<string, string> {
  const topology = createTopology(builtInChains);
  const clickhouse = renderClickHouse(topology, { namedCollection: "ethhook_kafka" })
    .flatMap(({ create }) => create)
    .map((statement) => `${statement};\n`)
    .join("\n");
  const head =
    "-- Rendered from the topology by `npm run topology -- render --write`. Do not edit; `npm run migrate` applies it.\n\n";
  return new Map([
    ["infra/generated/clickhouse-kafka.sql", head + clickhouse],
    ["infra/generated/topology.mmd", renderMermaid(topology)],
    ["infra/generated/rpk.sh", renderRpk(topology)],
    ["infra/generated/lag-alerts.yaml", renderAlerts("ethhook-lag", lagAlerts(topology))],
    ["infra/kubernetes/keda.yaml", renderKeda(topology)],
  ]);
}

/** The section of README.md: diagram and table. */
export function renderReadmeSection(): string {
  const topology = createTopology(builtInChains);
  const diagram = `\`\`\`mermaid\n${renderMermaid(topology)}\`\`\``;
  return `${sectionBegin}\n${diagram}\n\n${renderTopicTable(topology)}${sectionEnd}`;
}

/**
 * A document with its rendered section made anew.
 * @returns null when the document has no such section.
 */
export function withSection(document: string, section: string): string | null {
  const begin = document.indexOf(sectionBegin);
  const end = document.indexOf(sectionEnd);
  if (begin < 0 || end < begin) return null;
  return document.slice(0, begin) + section + document.slice(end + sectionEnd.length);
}
