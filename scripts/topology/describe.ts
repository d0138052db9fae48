import { bytesInWords, diskOf, durationInWords, statedLogsPerSecond, type Topology } from "@ethhook/topology";
import { table } from "./table.ts";

/** The declared topics and groups as two tables for a terminal. */
export function describeTopology(topology: Topology): string {
  const topics = topology.topics.map((topic) => {
    const disk = diskOf(topic);
    return [
      topic.name,
      topic.key.name,
      String(topic.partitions),
      topic.partitioner.kind === "explicit" ? topic.partitioner.by : "hash of the key",
      durationInWords(topic.retentionMs),
      `${bytesInWords(disk.bytes)}${topic.retentionMs === null ? " a year" : ""}`,
      bytesInWords(topic.messageBytesMax),
      topic.compression,
      topic.producers.join(", "),
      topic.order,
    ];
  });
  const groups = topology.groups.map((group) => [
    group.id,
    group.member,
    group.assignment,
    String(group.membersMax),
    group.topics.join(" "),
    group.purpose,
  ]);
  const head = [
    "topic",
    "key",
    "partitions",
    "placed by",
    "kept",
    "disk",
    "largest",
    "packed",
    "written by",
    "order",
  ];
  return [
    table(head, topics),
    "",
    `disk: one replica before compression, at ${statedLogsPerSecond} logs/s; a logs topic as if its chain emitted all of them`,
    "",
    table(["group", "member", "assignment", "members at most", "topics", "purpose"], groups),
  ].join("\n");
}
