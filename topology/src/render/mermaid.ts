import type { Topology } from "../topics.ts";
import type { AnyTopic, ConsumerGroup } from "../types.ts";
import { durationInWords } from "../words.ts";

/** Topics that differ only by chain are drawn once. */
export function drawnName(topic: Pick<AnyTopic, "name">, topology: Topology): string {
  return topology.logs.all.some(({ name }) => name === topic.name) ? "logs.<chain>" : topic.name;
}

const idOf = (name: string) => name.replaceAll(/[^a-z]+/gi, "_").replaceAll(/^_|_$/g, "");
const escaped = (text: string) => text.replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** The flow as a Mermaid diagram: who writes each topic, and which groups read it. Pure text. */
export function renderMermaid(topology: Topology): string {
  const drawn = new Map(topology.topics.map((topic) => [drawnName(topic, topology), topic]));
  const services = topology.groups.filter(({ member }) => member !== "clickhouse");
  const tables = topology.groups.filter(({ member }) => member === "clickhouse");
  const lines = [
    "flowchart LR",
    ...[...drawn].map(([name, topic]) => `  ${idOf(name)}[("${label(name, topic)}")]`),
    ...[...drawn].flatMap(([name, topic]) =>
      topic.producers.map((producer) => `  ${producer}([${producer}]) --> ${idOf(name)}`),
    ),
    ...services.flatMap((group) => reads(group, topology, `group_${idOf(group.id)}{{${group.id}}}`)),
    ...services.map((group) => `  group_${idOf(group.id)} -.- ${group.member}`),
    ...tables.flatMap((group) => reads(group, topology, `clickhouse[(ClickHouse)]`)),
  ];
  return `${[...new Set(lines)].join("\n")}\n`;
}

function reads(group: ConsumerGroup, topology: Topology, node: string): readonly string[] {
  const names = new Set(group.topics.map((name) => drawnName({ name }, topology)));
  return [...names].map((name) => `  ${idOf(name)} --> ${node}`);
}

function label(name: string, topic: AnyTopic): string {
  const facts = `by ${topic.key.name} · ${topic.partitions} partitions · ${durationInWords(topic.retentionMs)}`;
  return `${escaped(name)}<br/>${escaped(facts)}`;
}
