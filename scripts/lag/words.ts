import type { GroupLag, LagReport, TopicLag } from "@ethhook/topology";
import { table } from "../topology/table.ts";

/** `12 s`, `4 min`, `2.5 h`, `3 d`; null is `–`. */
export function secondsInWords(seconds: number | null): string {
  if (seconds === null) return "–";
  if (seconds < 10) return `${seconds === 0 ? "0" : seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${(seconds / 3_600).toFixed(1)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

const count = (value: number) => value.toLocaleString("en-US");
const rate = (value: number | null) => (value === null ? "–" : `${count(Math.round(value))}/s`);

const head = [
  "group",
  "topic",
  "partition",
  "committed",
  "end",
  "lag",
  "eligible",
  "oldest",
  "in",
  "out",
  "drained in",
  "retention used",
  "members",
];

/** The report as a table: a row for each group and topic, or for each partition. */
export function lagTable(report: LagReport, byPartition: boolean): string {
  const rows = report.groups.flatMap((group) =>
    group.topics.length === 0
      ? [[group.group, "–", "", "", "", "", "", "", "", "", "", "", membersOf(group)]]
      : group.topics.flatMap((topic) =>
          byPartition ? [topicRow(group, topic), ...partitionRows(topic)] : [topicRow(group, topic)],
        ),
  );
  const alarms = report.groups.flatMap(({ group, alarms: found }) =>
    found.map((alarm) => `! ${group}: ${alarm}`),
  );
  return [table(head, rows), ...(alarms.length === 0 ? [] : ["", ...alarms])].join("\n");
}

function topicRow(group: GroupLag, topic: TopicLag): readonly string[] {
  const sumOf = (read: (partition: TopicLag["partitions"][number]) => number) =>
    count(topic.partitions.reduce((total, partition) => total + read(partition), 0));
  return [
    group.group,
    topic.topic,
    `${topic.partitions.length} of them`,
    sumOf(({ committed }) => committed ?? 0),
    sumOf(({ end }) => end),
    count(topic.records),
    group.waitsFor === null ? "" : count(topic.eligibleRecords),
    secondsInWords(topic.seconds),
    rate(topic.producedPerSecond),
    rate(topic.consumedPerSecond),
    secondsInWords(group.drainSeconds),
    topic.retentionRatio === null ? "kept for ever" : `${(topic.retentionRatio * 100).toFixed(1)} %`,
    membersOf(group),
  ];
}

function partitionRows(topic: TopicLag): readonly (readonly string[])[] {
  return topic.partitions.map((lag) => [
    "",
    "",
    String(lag.partition),
    lag.committed === null ? "never" : count(lag.committed),
    count(lag.end),
    count(lag.records),
    lag.eligibleRecords === lag.records ? "" : count(lag.eligibleRecords),
    secondsInWords(lag.seconds),
    "",
    "",
    "",
    "",
    lag.member ?? "nobody",
  ]);
}

function membersOf({ members, state, declared }: GroupLag): string {
  const told = state === "Stable" || state === "Empty" ? `${members}` : `${members} (${state})`;
  return declared ? told : `${told}, foreign`;
}
