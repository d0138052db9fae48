import type { AnyTopic } from "./types.ts";

export type DialectName = "kafka" | "redpanda";

export interface TopicSettings {
  /** Replicas of each partition; -1 leaves it to the broker's default. */
  readonly replicationFactor: number;
}

/** How one broker's software names and takes a topic's settings. */
export interface Dialect {
  readonly name: DialectName;
  /** The settings that EthHook declares, by the broker's names, values as the broker prints them. */
  settings(topic: AnyTopic, options: TopicSettings): Readonly<Record<string, string>>;
}

/** What both understand in the same way. */
function shared(topic: AnyTopic): Record<string, string> {
  return {
    "cleanup.policy": topic.cleanup,
    "retention.ms": String(topic.retentionMs ?? -1),
    // Stated, since a broker's default limit by size would cut what the time allows.
    "retention.bytes": "-1",
    "max.message.bytes": String(topic.messageBytesMax),
    // The broker keeps what producers wrote: recompressing costs it the CPU that latency needs.
    "compression.type": "producer",
    "message.timestamp.type": "CreateTime",
  };
}

const kafka: Dialect = {
  name: "kafka",
  settings: (topic, { replicationFactor }) => ({
    ...shared(topic),
    // Kafka acknowledges from the page cache: only a second replica makes an acknowledged record survive a machine.
    ...(replicationFactor >= 3 ? { "min.insync.replicas": "2" } : {}),
    "unclean.leader.election.enable": "false",
  }),
};

const redpanda: Dialect = {
  name: "redpanda",
  settings: (topic) => ({
    ...shared(topic),
    // Redpanda replicates by Raft majority and has no min.insync.replicas. Without write caching an acknowledged
    // record is on disk.
    "write.caching": "false",
  }),
};

export const dialects: Readonly<Record<DialectName, Dialect>> = { kafka, redpanda };
