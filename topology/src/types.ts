import type { Decoded } from "@ethhook/schemas";

/** How a topic's values are written and read. Every `Codec` of schemas is one. */
export interface MessageFormat<M> {
  /** Singular noun, as in the docs: `log`, `block`, `delivery`. */
  readonly name: string;
  readonly version: number;
  encode(message: M): string | Buffer;
  decode(bytes: Uint8Array | string | null): Decoded<M>;
}

/** What a record is keyed by. The name is locked once released (`key-lock.ts`): another key would break the order. */
export interface TopicKey<M> {
  /** In words, as it is locked and shown: `contract address`, `endpoint id`. */
  readonly name: string;
  /** What a key looks like in Console, kcat and rpk. */
  readonly example: string;
  of(message: M): string;
}

/**
 * Who chooses the partition.
 * - `key-hash`: the Java-compatible murmur2 of the key, as every Kafka client does by default.
 * - `explicit`: the message names it (`blocks`: one partition a chain).
 */
export type Partitioner<M> =
  | { readonly kind: "key-hash" }
  | { readonly kind: "explicit"; readonly by: string; partitionOf(message: M): number };

/** Programs that write records. */
export type ProducerName = "ingestor" | "matcher" | "delivery" | "api" | "replay" | "redrive";

/** Rough traffic, from which the stated disk is computed. */
export interface Traffic {
  /** Records in this topic for each log that the chains emit. */
  readonly recordsPerLog: number;
  /** Bytes of an average record, key and headers included, before compression. */
  readonly recordBytes: number;
}

/** One topic: everything that the pipeline promises about it. */
export interface Topic<M> {
  readonly name: string;
  /** One sentence: what a record here means. */
  readonly holds: string;
  readonly message: MessageFormat<M>;
  readonly key: TopicKey<M>;
  /** The order that the key buys, in words. */
  readonly order: string;
  readonly partitions: number;
  readonly partitioner: Partitioner<M>;
  /** Partition n of this topic belongs to the owner of partition n of that one. */
  readonly coPartitionedWith?: string;
  /** How long a record is kept; null for ever. */
  readonly retentionMs: number | null;
  readonly cleanup: "delete" | "compact";
  /** What producers compress batches with; the broker keeps what it is given. */
  readonly compression: "none" | "gzip" | "zstd";
  /** Largest batch that the broker takes (`max.message.bytes`). */
  readonly messageBytesMax: number;
  readonly producers: readonly ProducerName[];
  readonly traffic: Traffic;
  /** The topic where unreadable or undeliverable records of this one end. */
  readonly deadLetters?: string;
}

/** A topic whose message type does not matter to the reader: for loops over all topics. */
export type AnyTopic = Omit<Topic<never>, "message" | "key" | "partitioner"> & {
  readonly message: { readonly name: string; readonly version: number };
  readonly key: { readonly name: string; readonly example: string };
  readonly partitioner: { readonly kind: "key-hash" } | { readonly kind: "explicit"; readonly by: string };
};

/** A consumer group: who reads what, and how many members make sense. */
export interface ConsumerGroup {
  readonly id: string;
  /** The program whose processes are its members. */
  readonly member: "matcher" | "delivery" | "clickhouse";
  readonly topics: readonly string[];
  /** `co-partitioned`: partition n of every topic goes to the same member. */
  readonly assignment: "spread" | "co-partitioned";
  readonly purpose: string;
  /** Lag that only waits for the chain to reach this finality is on purpose; scaling and alerts leave it out. */
  readonly waitsFor?: "confirmed" | "finalized";
  /** Members beyond this number would be idle: the largest partition count of its topics. */
  readonly membersMax: number;
}

/** What `toRecord` makes: the shape that the kit's producers take. */
export interface TopicRecord {
  readonly topic: string;
  readonly key: string;
  readonly value: string | Buffer;
  readonly partition?: number;
  readonly headers?: Readonly<Record<string, string>>;
}
