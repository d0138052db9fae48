import type { AnyTopic, ConsumerGroup } from "./types.ts";

/** Groups of throw-away readers begin with this, so that lag and dashboards can leave them out. */
export const readerGroupPrefix = "ethhook.reader.";

/** Tables that ClickHouse fills by Kafka engine: which topics each reads, with how many consumers. */
export interface ClickHouseReader {
  readonly table: string;
  readonly topics: readonly string[];
  /** The sum over all tables stays within `background_message_broker_schedule_pool_size` (16). */
  readonly consumers: number;
}

export function clickHouseReaders(topics: readonly Pick<AnyTopic, "name">[]): readonly ClickHouseReader[] {
  // One table reads all `logs.*`: a table per chain would use up the pool. One consumer a table: it reads about 90,000 logs a
  // second, and of several, ClickHouse polls whichever is free first, so that the others' partitions starve (seen: 26.7,
  // `kafka_thread_per_consumer`, the second of two consumers never polled again while the first had nothing to read).
  const logs = topics
    .map((topic) => topic.name)
    .filter((name) => name.startsWith("logs.") && name !== "logs.dlq");
  return [
    { table: "logs", topics: logs, consumers: 1 },
    { table: "blocks", topics: ["blocks"], consumers: 1 },
    { table: "deliveries", topics: ["deliveries", "deliveries.replay"], consumers: 1 },
    { table: "attempts", topics: ["attempts"], consumers: 1 },
    { table: "dead_deliveries", topics: ["deliveries.dlq"], consumers: 1 },
    { table: "dead_logs", topics: ["logs.dlq"], consumers: 1 },
  ];
}

/** Every consumer group of the pipeline. */
export function createGroups(topics: readonly AnyTopic[]): readonly ConsumerGroup[] {
  const readers = clickHouseReaders(topics);
  const logs = readers.find((reader) => reader.table === "logs")?.topics ?? [];
  const groups: Omit<ConsumerGroup, "membersMax">[] = [
    {
      id: "matcher.latest",
      member: "matcher",
      topics: logs,
      assignment: "spread",
      purpose: "matches logs for endpoints that want them at once",
    },
    {
      id: "matcher.confirmed",
      member: "matcher",
      topics: logs,
      assignment: "spread",
      waitsFor: "confirmed",
      purpose: "matches logs once their block is a chain's depth old",
    },
    {
      id: "matcher.finalized",
      member: "matcher",
      topics: logs,
      assignment: "spread",
      waitsFor: "finalized",
      purpose: "matches logs once their block is final",
    },
    {
      id: "delivery",
      member: "delivery",
      topics: ["deliveries", "deliveries.replay"],
      assignment: "co-partitioned",
      purpose: "signs and POSTs webhooks; owns each endpoint's order, rate and breaker",
    },
    ...readers.map((reader) => ({
      id: `clickhouse.${reader.table}`,
      member: "clickhouse" as const,
      topics: reader.topics,
      assignment: "spread" as const,
      purpose: `fills the ClickHouse table \`${reader.table}\``,
    })),
  ];
  return groups.map((group) => ({ ...group, membersMax: membersMax(group, topics) }));
}

function membersMax(group: Omit<ConsumerGroup, "membersMax">, topics: readonly AnyTopic[]): number {
  const counts = topics.filter((topic) => group.topics.includes(topic.name)).map((topic) => topic.partitions);
  // Spread over several topics, every partition can have a member of its own.
  if (group.assignment === "spread") return counts.reduce((sum, count) => sum + count, 0);
  return Math.max(0, ...counts);
}
