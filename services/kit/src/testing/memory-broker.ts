import { setImmediate as nextTurn } from "node:timers/promises";
import { createLogger, type Logger } from "../logger.ts";
import type { Broker, InRecord, PartitionReader, TopicPartition } from "../kafka/types.ts";
import { createMemoryConsumer, type MemoryConsumer } from "./memory-consumer.ts";
import { createMemoryGroup, type MemoryGroup } from "./memory-group.ts";
import { createMemoryLog } from "./memory-log.ts";
import {
  createMemoryProducer,
  createMemoryTransactionalProducer,
  createMemoryTransactions,
  type Faults,
} from "./memory-producers.ts";

export interface MemoryBrokerOptions {
  /** Partitions by topic. More can be made later. */
  readonly topics?: Readonly<Record<string, number>>;
  readonly faults?: Faults;
  /** Unix milliseconds. Default: the real clock. */
  readonly now?: () => number;
  /**
   * Resolves when the broker gets to the next step (a write, a commit, a fetch). A simulator passes its own clock; so the
   * steps of several clients interleave as it decides. Default: the next turn of the event loop.
   */
  readonly turn?: () => Promise<void>;
  /** Records handed over at once. Default 500. */
  readonly recordsPerFetch?: number;
  readonly logger?: Logger;
}

/** One process's view of the broker. */
export interface MemoryClient extends Broker {
  readTail(at: TopicPartition, count: number): Promise<readonly InRecord[]>;
  /** As SIGKILL of the process: its calls never return, its consumers leave without a commit, its transactions stay open. */
  kill(): void;
  /** As SIGSTOP beyond the session timeout: its consumers' partitions go to others, while it goes on as if they were its own. */
  expire(): void;
  /** Its consumers learn of it: they give up what they had and join anew. */
  rejoin(): Promise<void>;
}

/** A broker in memory, with the semantics of the real one: it passes the same contract suite. */
export interface MemoryBroker extends MemoryClient {
  client(): MemoryClient;
  createTopic(topic: string, partitions: number): void;
  /** Aborts open transactions, as the real broker does after their timeout. */
  expireTransactions(): void;
  group(groupId: string): MemoryGroup;
  /** Every committed record of a topic: partition by partition, in order. */
  records(topic: string): readonly InRecord[];
}

export function createMemoryBroker(options: MemoryBrokerOptions = {}): MemoryBroker {
  const now = options.now ?? Date.now;
  const turn = options.turn ?? (() => nextTurn());
  const logger = options.logger ?? createLogger({ name: "memory-broker", level: "silent" });
  const log = createMemoryLog(now);
  const transactions = createMemoryTransactions(log, options.faults);
  const groups = new Map<string, MemoryGroup>();
  let members = 0;
  for (const [topic, partitions] of Object.entries(options.topics ?? {})) log.createTopic(topic, partitions);

  function groupOf(groupId: string): MemoryGroup {
    const known = groups.get(groupId);
    if (known) return known;
    const group = createMemoryGroup(log);
    groups.set(groupId, group);
    return group;
  }

  function reader(): PartitionReader {
    const read = async function* (
      at: TopicPartition,
      from?: number,
      until?: number,
    ): AsyncGenerator<readonly InRecord[]> {
      await turn();
      const end = Math.min(until ?? Number.POSITIVE_INFINITY, log.bounds(at).end);
      for (let position = from ?? 0; position < end;) {
        const { records, next } = log.read(at, position, options.recordsPerFetch ?? 500);
        position = next;
        const wanted = records.filter((record) => record.offset < end);
        if (wanted.length > 0) yield wanted;
        await turn();
      }
    };
    return {
      bounds: async (at) => {
        await turn();
        return log.bounds(at);
      },
      read,
      tail: async (at, count) => {
        const all: InRecord[] = [];
        for await (const some of read(at)) all.push(...some);
        return all.slice(-count);
      },
      close: () => Promise.resolve(),
    };
  }

  function client(): MemoryClient {
    const consumers: MemoryConsumer[] = [];
    let killed = false;
    const producing = { log, faults: options.faults ?? {}, turn, isKilled: () => killed };
    return {
      consumer: (consumerOptions) => {
        members += 1;
        const consumer = createMemoryConsumer(consumerOptions, {
          id: `member-${String(members).padStart(4, "0")}`,
          log,
          group: groupOf(consumerOptions.groupId),
          logger,
          now,
          turn,
          recordsPerFetch: options.recordsPerFetch ?? 500,
        });
        consumers.push(consumer);
        return consumer;
      },
      producer: () => createMemoryProducer(producing),
      transactionalProducer: (id) => createMemoryTransactionalProducer(id, transactions, producing),
      reader,
      readTail: (at, count) => reader().tail(at, count),
      expire: () => {
        for (const consumer of consumers) consumer.expire();
      },
      rejoin: async () => {
        await Promise.all(consumers.map((consumer) => consumer.rejoin()));
      },
      kill: () => {
        killed = true;
        for (const consumer of consumers) consumer.kill();
      },
    };
  }

  return {
    ...client(),
    client,
    createTopic: (topic, partitions) => log.createTopic(topic, partitions),
    expireTransactions: () => transactions.expire(),
    group: groupOf,
    records: (topic) =>
      Array.from(
        { length: log.partitions(topic) },
        (_, partition) => log.read({ topic, partition }, 0, Number.POSITIVE_INFINITY).records,
      ).flat(),
  };
}
