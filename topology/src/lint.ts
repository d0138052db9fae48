import { clashes } from "./extra-chains.ts";
import { clickHouseReaders, readerGroupPrefix } from "./groups.ts";
import { diskOf } from "./disk.ts";
import { releasedAs } from "./released.ts";
import { ledgerPartitions, type Topology } from "./topics.ts";
import type { AnyTopic } from "./types.ts";

export interface Finding {
  readonly rule: string;
  /** The topic, group, table or chain at fault. */
  readonly at: string;
  readonly problem: string;
}

interface Rule {
  readonly name: string;
  /** Why anyone cares: shown with the finding. */
  readonly because: string;
  check(topology: Topology): readonly { at: string; problem: string }[];
}

/** Slots of ClickHouse's `background_message_broker_schedule_pool_size`: one for each consumer. */
export const clickHouseConsumersMax = 16;

/** A topic that is kept for ever may grow by so much a year at the stated load. */
const foreverBytesPerYearMax = 200e9;

const forTopics = (check: (topic: AnyTopic, topology: Topology) => string | undefined | false) => {
  return (topology: Topology) =>
    topology.topics.flatMap((topic) => {
      const problem = check(topic, topology);
      return problem ? [{ at: topic.name, problem }] : [];
    });
};

const byName = (topology: Topology, name: string) => topology.topics.find((topic) => topic.name === name);

const topicRules: readonly Rule[] = [
  {
    name: "topic-name",
    because:
      "dots and underscores collide in Kafka's metric names, and names are typed by hand in rpk and kcat",
    check: forTopics(
      (topic) =>
        !/^[a-z][a-z0-9-]*(\.[a-z0-9-]+)?$/.test(topic.name) && "is not `noun` or `noun.noun` in lower case",
    ),
  },
  {
    name: "topic-once",
    because: "two declarations of one topic would overwrite each other",
    check: forTopics(
      (topic, { topics }) =>
        topics.filter((other) => other.name === topic.name).length > 1 && "is declared twice",
    ),
  },
  {
    name: "has-producer",
    because: "a topic that nobody writes is a mistake",
    check: forTopics((topic) => topic.producers.length === 0 && "has no producer"),
  },
  {
    name: "has-reader",
    because: "a topic that nobody reads only costs disk",
    check: forTopics(
      (topic, { groups }) =>
        !groups.some((group) => group.topics.includes(topic.name)) && "is in no consumer group",
    ),
  },
  {
    name: "key-released",
    because: "records of one key would stand on two partitions, and their order would be lost",
    check: forTopics((topic) => {
      const lock = releasedAs(topic.name);
      if (lock === undefined) return "is not in released.ts: add it there when it is released";
      if (lock.key !== topic.key.name) return `was released with key “${lock.key}”, not “${topic.key.name}”`;
      if (lock.partitioner !== topic.partitioner.kind)
        return `was released with partitioner ${lock.partitioner}`;
      return lock.partitions !== topic.partitions && `was released with ${lock.partitions} partitions`;
    }),
  },
  {
    name: "dead-letters",
    because: "a dead letter carries its source: it must fit, and outlive it long enough to be looked at",
    check: forTopics((topic, topology) => {
      if (topic.deadLetters === undefined) return undefined;
      const dead = byName(topology, topic.deadLetters);
      if (dead === undefined) return `sends dead letters to ${topic.deadLetters}, which does not exist`;
      if (dead.messageBytesMax <= topic.messageBytesMax)
        return `could hold records too large for ${dead.name}`;
      return (dead.retentionMs ?? Infinity) < (topic.retentionMs ?? Infinity) && `outlives ${dead.name}`;
    }),
  },
  {
    name: "co-partitioned",
    because: "one process owns partition n of both, or an endpoint has two owners",
    check: forTopics((topic, topology) => {
      if (topic.coPartitionedWith === undefined) return undefined;
      const other = byName(topology, topic.coPartitionedWith);
      if (other === undefined) return `goes with ${topic.coPartitionedWith}, which does not exist`;
      if (other.partitions !== topic.partitions) return `has not as many partitions as ${other.name}`;
      return other.key.name !== topic.key.name && `is not keyed like ${other.name}`;
    }),
  },
  {
    name: "log-size",
    because: "one transaction can emit tens of thousands of logs, and a block is one transaction's batch",
    check: forTopics(
      (topic) =>
        topic.name.startsWith("logs.") && topic.messageBytesMax < 16 * 1_048_576 && "takes less than 16 MiB",
    ),
  },
  {
    name: "kept-for-ever",
    because: "what is never deleted must be small",
    check: forTopics((topic) => {
      if (topic.retentionMs !== null) return undefined;
      const { bytes } = diskOf(topic);
      return bytes > foreverBytesPerYearMax && `would grow by ${Math.round(bytes / 1e9)} GB a year`;
    }),
  },
];

const groupRules: readonly Rule[] = [
  {
    name: "group-topics",
    because: "a group that names a missing topic waits for ever",
    check: ({ groups, topics }) =>
      groups.flatMap((group) =>
        group.topics
          .filter((name) => !topics.some((topic) => topic.name === name))
          .map((name) => ({ at: group.id, problem: `reads ${name}, which does not exist` })),
      ),
  },
  {
    name: "group-name",
    because: "groups are recognised by name in Console, and throw-away ones are hidden",
    check: ({ groups }) =>
      groups
        .filter(({ id }) => !/^[a-z]+(\.[a-z_]+)?$/.test(id) || `${id}.`.startsWith(readerGroupPrefix))
        .map(({ id }) => ({ at: id, problem: "is not `member` or `member.purpose` in lower case" })),
  },
  {
    name: "group-assignment",
    because: "topics that go together must be assigned together",
    check: ({ groups, topics }) =>
      groups
        .filter((group) => group.member !== "clickhouse" && group.assignment !== "co-partitioned")
        .filter((group) =>
          topics.some((topic) => topic.coPartitionedWith !== undefined && group.topics.includes(topic.name)),
        )
        .map(({ id }) => ({ at: id, problem: "reads a co-partitioned topic with spread assignment" })),
  },
  {
    name: "clickhouse-consumers",
    because: "consumers beyond the partitions are idle, consumers beyond the pool starve every table",
    check(topology) {
      const readers = clickHouseReaders(topology.topics);
      const sum = readers.reduce((total, reader) => total + reader.consumers, 0);
      const idle = readers.filter(
        (reader) =>
          reader.consumers >
          reader.topics.reduce((total, name) => total + (byName(topology, name)?.partitions ?? 0), 0),
      );
      return [
        ...idle.map(({ table }) => ({ at: table, problem: "has more consumers than partitions" })),
        ...(sum > clickHouseConsumersMax
          ? [{ at: "clickhouse", problem: `has ${sum} consumers; the pool has ${clickHouseConsumersMax}` }]
          : []),
      ];
    },
  },
];

const chainRules: readonly Rule[] = [
  {
    name: "chain-unique",
    because: "an id, a name and a ledger partition each belong to one chain",
    check: ({ chains }) => clashes(chains).map((problem) => ({ at: "chains", problem })),
  },
  {
    name: "ledger-partition",
    because: "the ledger's partition must exist",
    check: ({ chains }) =>
      chains
        .filter(({ ledgerPartition: n }) => !Number.isInteger(n) || n < 0 || n >= ledgerPartitions)
        .map(({ name }) => ({
          at: name,
          problem: `ledgerPartition is not within 0…${ledgerPartitions - 1}`,
        })),
  },
];

/** The rules that `lintTopology` applies, for the docs. */
export const lintRules: readonly Pick<Rule, "name" | "because">[] = [
  ...topicRules,
  ...groupRules,
  ...chainRules,
];

/** Everything that is wrong with a topology, by rule. Pure; none means it may be applied. */
export function lintTopology(topology: Topology): readonly Finding[] {
  return [...topicRules, ...groupRules, ...chainRules].flatMap((rule) =>
    rule.check(topology).map(({ at, problem }) => ({ rule: rule.name, at, problem })),
  );
}
