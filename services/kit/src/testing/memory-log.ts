import { PipelineError } from "@ethhook/schemas";
import { partitionKey } from "../kafka/offset-tracker.ts";
import { partitionOf } from "../kafka/murmur2.ts";
import type { InRecord, OutRecord, TopicPartition } from "../kafka/types.ts";

/** A transaction in the log: what it wrote counts when it is committed. */
export interface MemoryTransaction {
  state: "open" | "committed" | "aborted";
  /** Its first offset by partition. */
  readonly first: Map<string, number>;
}

interface Entry {
  readonly record: InRecord | undefined;
  readonly transaction: MemoryTransaction | undefined;
}

interface Partition extends TopicPartition {
  readonly entries: Entry[];
  readonly open: Set<MemoryTransaction>;
}

/** Partitions as a broker holds them: markers take offsets, and nothing after an open transaction is read. */
export interface MemoryLog {
  createTopic(topic: string, partitions: number): void;
  /** @throws PipelineError BROKER_REFUSED for an unknown topic; nothing is written then. */
  append(records: readonly OutRecord[], transaction?: MemoryTransaction): void;
  /**
   * Decides a transaction, and writes a marker to every partition that it touched: at once, or when `later` of the partition
   * resolves. Until then a reader ends before it there. Resolves when all are written.
   */
  end(
    transaction: MemoryTransaction,
    state: "committed" | "aborted",
    later?: (at: TopicPartition) => Promise<void> | undefined,
  ): Promise<void>;
  partitions(topic: string): number;
  bounds(at: TopicPartition): { readonly start: number; readonly end: number };
  /** Read-committed records from `from`; `next` is where to go on, markers passed over. */
  read(
    at: TopicPartition,
    from: number,
    recordsMax: number,
  ): { readonly records: readonly InRecord[]; readonly next: number };
  /** Called after anything became visible. */
  onChange(listener: () => void): void;
}

export function createMemoryLog(now: () => number): MemoryLog {
  const topics = new Map<string, Partition[]>();
  const listeners: (() => void)[] = [];

  function topicOf(topic: string): Partition[] {
    const partitions = topics.get(topic);
    if (!partitions) throw new PipelineError("BROKER_REFUSED", "crash", `There is no topic ${topic}.`);
    return partitions;
  }

  function partitionAt({ topic, partition }: TopicPartition): Partition {
    const found = topicOf(topic)[partition];
    if (!found) throw new PipelineError("BROKER_REFUSED", "crash", `${topic} has no partition ${partition}.`);
    return found;
  }

  /** The last stable offset: everything below it is decided. */
  function stableEnd(partition: Partition): number {
    let end = partition.entries.length;
    for (const transaction of partition.open)
      end = Math.min(end, transaction.first.get(partitionKey(partition)) ?? end);
    return end;
  }

  function tell(): void {
    for (const listener of listeners) listener();
  }

  return {
    createTopic: (topic, count) => {
      const partitions = Array.from({ length: count }, (_, partition) => ({
        topic,
        partition,
        entries: [],
        open: new Set<MemoryTransaction>(),
      }));
      topics.set(topic, partitions);
    },
    append: (records, transaction) => {
      const targets = records.map((record) => {
        const partition = record.partition ?? partitionOf(record.key, topicOf(record.topic).length);
        return { record, target: partitionAt({ topic: record.topic, partition }) };
      });
      for (const { record, target } of targets) {
        const offset = target.entries.length;
        const { topic, partition } = target;
        const value = typeof record.value === "string" ? Buffer.from(record.value) : record.value;
        const stored = {
          topic,
          partition,
          offset,
          key: record.key,
          value,
          headers: { ...record.headers },
          timestampMs: now(),
        };
        target.entries.push({ record: stored, transaction });
        if (!transaction) continue;
        target.open.add(transaction);
        if (!transaction.first.has(partitionKey(target))) transaction.first.set(partitionKey(target), offset);
      }
      tell();
    },
    end: async (transaction, state, later = () => undefined) => {
      if (transaction.state !== "open") return;
      transaction.state = state;
      const mark = (partition: Partition): void => {
        partition.open.delete(transaction);
        partition.entries.push({ record: undefined, transaction: undefined });
      };
      const touched = [...topics.values()].flat().filter(({ open }) => open.has(transaction));
      const markedLater = touched.map(async (partition) => {
        const delay = later(partition);
        if (delay === undefined) return mark(partition);
        await delay;
        mark(partition);
        tell();
      });
      tell();
      await Promise.all(markedLater);
    },
    partitions: (topic) => topicOf(topic).length,
    bounds: (at) => ({ start: 0, end: stableEnd(partitionAt(at)) }),
    read: (at, from, recordsMax) => {
      const partition = partitionAt(at);
      const end = stableEnd(partition);
      const records: InRecord[] = [];
      let next = from;
      for (; next < end && records.length < recordsMax; next += 1) {
        const entry = partition.entries[next];
        if (entry?.record && entry.transaction?.state !== "aborted") records.push(entry.record);
      }
      return { records, next };
    },
    onChange: (listener) => void listeners.push(listener),
  };
}
