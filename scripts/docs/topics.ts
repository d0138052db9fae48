import { diskOf, statedLogsPerSecond, type AnyTopic, type Topology } from "@ethhook/topology";
import { code, document, table } from "./markdown.ts";

export function topicsDocument({ topics, groups }: Topology): string {
  return document("Topics", "`topology/src/topics.ts`", [
    "Keys are text; where nothing else is said, the partition is the Java-compatible murmur2 hash of the key, as every" +
      " Kafka client chooses it. `npm run topology -- plan` compares this with a broker.",
    table(
      ["Topic", "Holds", "Key", "Order it buys", "Message", "Written by"],
      topics.map((topic) => [
        code(topic.name),
        topic.holds,
        `${topic.key.name}, like ${code(topic.key.example)}`,
        topic.order,
        `${topic.message.name} v${topic.message.version}`,
        topic.producers.join(", "),
      ]),
    ),
    `## Sizes\n\nDisk before compression, one replica, at ${statedLogsPerSecond.toLocaleString("en")} logs/s (each \`logs.*\` as if it` +
      " carried all of them); zstd takes a third to a tenth of it.",
    table(
      ["Topic", "Partitions", "Partition is", "Kept for", "Largest batch", "Compression", "Disk"],
      topics.map((topic) => [
        code(topic.name),
        String(topic.partitions),
        topic.partitioner.kind === "explicit" ? topic.partitioner.by : "hash of the key",
        keptFor(topic),
        `${topic.messageBytesMax / 2 ** 20} MiB`,
        topic.compression,
        `${sizeOf(diskOf(topic).bytes)}${topic.retentionMs === null ? " a year" : ""}`,
      ]),
    ),
    "## Consumer groups",
    table(
      ["Group", "Purpose", "Reads", "Members at most"],
      groups.map((group) => [
        code(group.id),
        group.purpose,
        group.topics.map(code).join(", "),
        String(group.membersMax),
      ]),
    ),
  ]);
}

function keptFor({ retentionMs }: Pick<AnyTopic, "retentionMs">): string {
  return retentionMs === null ? "ever" : `${retentionMs / 86_400_000} d`;
}

function sizeOf(bytes: number): string {
  return bytes >= 1e9 ? `${Math.round(bytes / 1e9)} GB` : `${Math.ceil(bytes / 1e6)} MB`;
}
