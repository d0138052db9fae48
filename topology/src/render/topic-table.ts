import { diskOf, statedLogsPerSecond } from "../disk.ts";
import type { Topology } from "../topics.ts";
import { bytesInWords, durationInWords } from "../words.ts";
import { drawnName } from "./mermaid.ts";

/** The topics as a Markdown table, with the disk that each costs. Pure text. */
export function renderTopicTable(topology: Topology): string {
  const drawn = new Map(topology.topics.map((topic) => [drawnName(topic, topology), topic]));
  const rows = [...drawn].map(([name, topic]) => {
    const groups = topology.groups
      .filter((group) => group.topics.includes(topic.name))
      .map(({ id }) => `\`${id}\``);
    const disk = diskOf(topic);
    return [
      `\`${name}\``,
      `${topic.key.name}, \`${topic.key.example}\``,
      topic.order,
      String(topic.partitions),
      durationInWords(topic.retentionMs),
      `${bytesInWords(disk.bytes)}${topic.retentionMs === null ? " a year" : ""}`,
      topic.producers.join(", "),
      groups.join(", "),
    ];
  });
  const head = [
    "Topic",
    "Key",
    "Order it buys",
    "Partitions",
    "Kept",
    `Disk at ${statedLogsPerSecond.toLocaleString("en-US")} logs/s`,
    "Written by",
    "Read by group",
  ];
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const note =
    "Disk is one replica, before compression (zstd takes a third to a tenth of it), with one log in ten matching an endpoint.";
  return [line(head), line(head.map(() => "---")), ...rows.map(line), "", note, ""].join("\n");
}
