import { randomUUID } from "node:crypto";
import { type KafkaCluster, startKafka, startKafkaCluster } from "@ethhook/infra";
import {
  type Batch,
  type Broker,
  type Consumer,
  type ConsumerOptions,
  createKafka,
  createLogger,
  type KafkaAdmin,
  type KafkaClient,
  type OutRecord,
} from "@ethhook/kit";
import { createMemoryBroker, type Faults } from "@ethhook/kit/testing";

export const testLogger = createLogger({ name: "test", level: process.env["TEST_LOG_LEVEL"] ?? "silent" });

/** A consumer of a test, with everything that it was given. */
export interface Member {
  readonly consumer: Consumer;
  readonly batches: Batch[];
  /** The records' values, which the tests here make numbers. */
  readonly values: number[];
  readonly crashes: Error[];
  /** Deadlines of `onRevoking`, Unix milliseconds. */
  readonly revokes: number[];
  /** `topic:partition`. */
  assigned(): string[];
  stop(): Promise<void>;
}

/** A broker and what the contract's tests do with it: the real one and the one in memory pass the same tests. */
export interface BrokerBench {
  readonly kafka: Broker & Pick<KafkaClient, "readTail">;
  newTopic(partitions: number, configs?: Readonly<Record<string, string>>): Promise<string>;
  /** The group's next offset of a partition; null where it has not committed. */
  committed(groupId: string, topic: string, partition: number): Promise<number | null>;
  /** The group must be empty. */
  setOffset(groupId: string, topic: string, partition: number, offset: number): Promise<void>;
  /** Records with the values `from` … `to - 1` and the keys `k<value>`. */
  write(topic: string, from: number, to: number, partition?: number): Promise<void>;
  member(
    options: ConsumerOptions,
    onBatch?: (batch: Batch) => void | Promise<void>,
    onRevoking?: (deadlineMs: number) => Promise<void>,
  ): Promise<Member>;
  /** Records that the group has not committed, markers included. */
  lag(groupId: string, topic: string): Promise<number>;
  /** Run after the test, last one first. */
  cleanup(action: () => Promise<void>): void;
  afterEach(): Promise<void>;
  stop(): Promise<void>;
}

export interface KafkaBench extends BrokerBench {
  readonly kafka: KafkaClient;
  readonly admin: KafkaAdmin;
  readonly brokers: readonly string[];
  /** The broker's process. */
  readonly pid: number;
}

/** Every broker that the contract holds for. */
export const brokers = [
  { name: "a real Kafka broker", start: startKafkaBench },
  { name: "the broker in memory", start: startMemoryBench },
] as const satisfies readonly { name: string; start: () => Promise<BrokerBench> }[];

/** A real broker of its own. */
export async function startKafkaBench(): Promise<KafkaBench> {
  const engine = await startKafka({});
  return { ...benchAt(engine.brokers, 1, () => engine.stop()), pid: engine.pid };
}

export interface ClusterBench extends Omit<KafkaBench, "pid"> {
  readonly cluster: KafkaCluster;
}

/** Three real brokers of its own, with topics on all of them. */
export async function startClusterBench(): Promise<ClusterBench> {
  const cluster = await startKafkaCluster(3);
  return { ...benchAt(cluster.brokers, 3, () => cluster.stop()), cluster };
}

function benchAt(
  addresses: readonly string[],
  replicationFactor: number,
  stop: () => Promise<void>,
): Omit<KafkaBench, "pid"> {
  const kafka = createKafka({ brokers: addresses, clientId: "test", logger: testLogger });
  const admin = kafka.admin();
  const committed = async (groupId: string, topic: string, partition: number): Promise<number | null> => {
    const offsets = await admin.committedOffsets(groupId, [topic]);
    return offsets.find((offset) => offset.partition === partition)?.offset ?? null;
  };
  const shared = benchOver(kafka, { committed, bounds: (topic) => admin.bounds(topic) });
  return {
    ...shared,
    kafka,
    admin,
    brokers: addresses,
    committed,
    newTopic: async (partitions, configs = {}) => {
      const name = `t.${randomUUID()}`;
      await admin.createTopics([{ name, partitions, replicationFactor, configs }]);
      return name;
    },
    setOffset: (groupId, topic, partition, offset) =>
      admin.setOffsets(groupId, topic, [{ partition, offset }]),
    stop: async () => {
      await admin.close();
      await stop();
    },
  };
}

export async function startMemoryBench(faults: Faults = {}): Promise<BrokerBench> {
  const broker = createMemoryBroker({ faults });
  const sizes = new Map<string, number>();
  const committed = async (groupId: string, topic: string, partition: number): Promise<number | null> =>
    broker.group(groupId).committed({ topic, partition }) ?? null;
  const bounds = (topic: string) =>
    Promise.all(
      range(0, sizes.get(topic) ?? 0).map(async (partition) => ({
        partition,
        ...(await broker.reader().bounds({ topic, partition })),
      })),
    );
  return {
    ...benchOver(broker, { committed, bounds }),
    kafka: broker,
    committed,
    newTopic: async (partitions) => {
      const name = `t.${randomUUID()}`;
      broker.createTopic(name, partitions);
      sizes.set(name, partitions);
      return name;
    },
    setOffset: async (groupId, topic, partition, offset) =>
      broker.group(groupId).setOffset({ topic, partition }, offset),
    stop: () => Promise.resolve(),
  };
}

interface Offsets {
  committed(groupId: string, topic: string, partition: number): Promise<number | null>;
  bounds(topic: string): Promise<readonly { partition: number; start: number; end: number }[]>;
}

function benchOver(
  kafka: Broker,
  offsets: Offsets,
): Pick<BrokerBench, "write" | "member" | "lag" | "cleanup" | "afterEach"> {
  let cleanups: (() => Promise<void>)[] = [];
  return {
    write: async (topic, from, to, partition) => {
      const producer = kafka.producer();
      await producer.start();
      await producer.send(numbered(topic, from, to, partition));
      await producer.stop();
    },
    member: async (options, onBatch = (batch) => batch.settleAll(), onRevoking) => {
      const one = await startMember(kafka, options, onBatch, onRevoking);
      cleanups.push(() => one.stop());
      return one;
    },
    lag: async (groupId, topic) => {
      const left = (await offsets.bounds(topic)).map(async ({ partition, start, end }) => {
        const committed = await offsets.committed(groupId, topic, partition);
        return end - (committed ?? start);
      });
      return (await Promise.all(left)).reduce((sum, records) => sum + records, 0);
    },
    cleanup: (action) => void cleanups.push(action),
    afterEach: async () => {
      const actions = cleanups.toReversed();
      cleanups = [];
      for (const action of actions) await action();
    },
  };
}

export async function startMember(
  kafka: Pick<Broker, "consumer">,
  options: ConsumerOptions,
  onBatch: (batch: Batch) => void | Promise<void>,
  onRevoking?: (deadlineMs: number) => Promise<void>,
): Promise<Member> {
  const consumer = kafka.consumer({ commitIntervalMs: 100, ...options });
  const batches: Batch[] = [];
  const values: number[] = [];
  const crashes: Error[] = [];
  const revokes: number[] = [];
  await consumer.start({
    onBatch: (batch) => {
      batches.push(batch);
      for (const record of batch.records) values.push(Number(record.value));
      return onBatch(batch);
    },
    ...(onRevoking
      ? {
          onRevoking: (deadlineMs: number) => {
            revokes.push(deadlineMs);
            return onRevoking(deadlineMs);
          },
        }
      : {}),
    onCrash: (error) => void crashes.push(error),
  });
  const assigned = () => consumer.assigned().map(({ topic, partition }) => `${topic}:${partition}`);
  return { consumer, batches, values, crashes, revokes, assigned, stop: () => consumer.stop() };
}

export function numbered(topic: string, from: number, to: number, partition?: number): OutRecord[] {
  const where = partition === undefined ? {} : { partition };
  return range(from, to).map((value) => ({ topic, key: `k${value}`, value: String(value), ...where }));
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}

export function sorted(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b);
}
