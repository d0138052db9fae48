import { setImmediate as nextTurn, setTimeout as delay } from "node:timers/promises";
import { PipelineError } from "@ethhook/schemas";
import { brokerErrorType, isFencing, isRetriable, messageOf, unreachable, withDeadline } from "./errors.ts";
import { partitionOf } from "./murmur2.ts";
import { connectToProduce, type ProduceConnection, type TransactionBroker } from "./produce/connection.ts";
import { createSendBuffer } from "./produce/send-buffer.ts";
import { writeBatches } from "./produce/write-batches.ts";
import type { ProducerDeps } from "./producer.ts";
import type {
  OutRecord,
  TopicPartition,
  TransactionalProducer,
  TransactionalProducerOptions,
} from "./types.ts";

const defaults = { transactionTimeoutMs: 10_000 } as const;
/** A new holder also waits until the broker has aborted what the old one left open. */
const startExtraMs = 5_000;
const requestBytesMax = 8_388_608;
/** Records of one transaction that are in memory at once, but for a single larger one. */
const flushBytes = 1_048_576;
const batchFill = 0.95;

interface Open {
  readonly connection: ProduceConnection;
  readonly coordinator: TransactionBroker;
  readonly producerId: number;
  readonly producerEpoch: number;
}

/**
 * One exclusive owner's transactions, over kafkajs' connections: three requests each (add partitions, produce, end). Any
 * error ends this object: the outcome of the transaction is unknown until a new object with the same id has started,
 * because that aborts or completes whatever was open.
 */
export function createTransactionalProducer(
  transactionalId: string,
  options: TransactionalProducerOptions,
  deps: ProducerDeps,
): TransactionalProducer {
  const { transactionTimeoutMs } = { ...defaults, ...options };
  const buffer = createSendBuffer({
    requestBytesMax,
    batchBytesMax: (topic) => deps.writes(topic).messageBytesMax * batchFill,
  });
  const metrics = deps.metrics.ofProducer(() => buffer.bytes());
  let state: "new" | "ready" | "busy" | "dead" = "new";
  let open: Open | undefined;
  let connecting: ProduceConnection | undefined;

  function close(): void {
    state = "dead";
    metrics.closed();
    connecting?.close();
    connecting = undefined;
    open = undefined;
  }

  function fail(error: unknown, what: string): PipelineError {
    close();
    metrics.failed();
    if (isFencing(error)) {
      const message = `${transactionalId} belongs to another producer now, or its transaction outlived ${transactionTimeoutMs} ms`;
      return new PipelineError("PRODUCER_FENCED", "crash", message, { cause: error });
    }
    const message = `${what} of ${transactionalId} has an unknown outcome: ${messageOf(error)}`;
    return new PipelineError("TRANSACTION_UNKNOWN", "retry", message, { cause: error });
  }

  function late(): Error {
    return new Error(`no answer in ${transactionTimeoutMs} ms`);
  }

  async function init(connection: ProduceConnection): Promise<Open> {
    return retrying(starting, async () => {
      const coordinator = await coordinatorOf(connection, transactionalId);
      const request = { transactionalId, transactionTimeout: transactionTimeoutMs };
      const { producerId, producerEpoch } = await coordinator.initProducerId(request);
      return { connection, coordinator, producerId: Number(producerId), producerEpoch };
    });
  }

  async function start(): Promise<void> {
    if (state !== "new") throw new Error("A transactional producer starts once");
    try {
      connecting = await connectToProduce({ ...deps.settings, logger: deps.logger });
    } catch (error) {
      fail(error, "The start");
      throw unreachable(deps.settings.brokers, error);
    }
    try {
      open = await withDeadline(init(connecting), transactionTimeoutMs + startExtraMs, late);
    } catch (error) {
      throw fail(error, "The start");
    }
    state = "ready";
  }

  /** Tells the coordinator of partitions that the transaction will write to, unless it was told before. Never unhandled. */
  function announce(over: Open, told: Set<string>, partitions: readonly TopicPartition[]): Promise<unknown> {
    const fresh = partitions.filter(({ topic, partition }) => !told.has(`${topic}:${partition}`));
    if (fresh.length === 0) return Promise.resolve();
    for (const { topic, partition } of fresh) told.add(`${topic}:${partition}`);
    const { producerId, producerEpoch } = over;
    const identity = { transactionalId, producerId: String(producerId), producerEpoch };
    // The markers of the transaction before are often still being written.
    const announced = retrying(adding, () =>
      over.coordinator.addPartitionsToTxn({ ...identity, topics: byTopic(fresh) }),
    );
    announced.catch(() => undefined);
    return announced;
  }

  /** Sends what is in the buffer, as part of the open transaction. */
  async function flush(over: Open, told: Set<string>, before: Promise<unknown>): Promise<void> {
    const { producerId, producerEpoch } = over;
    for (let failures = 0; !buffer.isEmpty();) {
      const batches = buffer.open();
      const announced = Promise.all([before, announce(over, told, batches)]);
      // The coordinator answers while the batches are encoded, which does not pause: its request must be gone by then.
      await nextTurn();
      let failure: Error | undefined;
      const outcomes = await writeBatches(over.connection, batches, {
        transactionalId,
        producerId,
        producerEpoch,
        writes: deps.writes,
        timeoutMs: transactionTimeoutMs,
        after: announced,
      });
      await announced;
      for (const outcome of outcomes) {
        if (outcome.error) failure = outcome.error;
        else buffer.acknowledge(outcome);
      }
      if (!failure) continue;
      // A leader that moved refuses before it writes. Anything else is for the owner to find out.
      if (brokerErrorType(failure) === undefined || !isRetriable(failure)) throw failure;
      failures += 1;
      await delay(Math.min(5 * 2 ** failures, 200));
      await over.connection.refresh();
    }
  }

  /** Takes the records one by one: a huge transaction is never in memory at once. @returns what was written. */
  async function writeAll(
    over: Open,
    records: Iterable<OutRecord>,
    expected: readonly TopicPartition[],
  ): Promise<{ count: number; bytes: number }> {
    const topics = new Map<string, number>();
    const told = new Set<string>();
    const written = { count: 0, bytes: 0 };
    const call = { startedAtMs: 0, resolve: () => undefined, reject: () => undefined };
    const announced = announce(over, told, expected);
    if (expected.length > 0) await nextTurn();
    for (const record of records) {
      const { topic } = record;
      if (!topics.has(topic)) topics.set(topic, await over.connection.partitions(topic));
      const partition = record.partition ?? partitionOf(record.key, topics.get(topic) ?? 1);
      buffer.add([record], () => partition, call);
      written.count += 1;
      written.bytes += record.value.length;
      if (buffer.bytes() >= flushBytes) await flush(over, told, announced);
    }
    await flush(over, told, announced);
    if (told.size === 0) return written;
    const { producerId, producerEpoch } = over;
    const identity = { transactionalId, producerId: String(producerId), producerEpoch };
    await announced;
    await over.coordinator.endTxn({ ...identity, transactionResult: true });
    return written;
  }

  async function transact(
    records: Iterable<OutRecord>,
    expected: readonly TopicPartition[] = [],
  ): Promise<void> {
    if (state !== "ready" || !open) throw fail(new Error(`the producer is ${state}`), "A transaction");
    state = "busy";
    const startedAt = performance.now();
    try {
      const { count, bytes } = await withDeadline(
        writeAll(open, records, expected),
        transactionTimeoutMs,
        late,
      );
      metrics.acknowledged(count, bytes);
    } catch (error) {
      throw fail(error, "A transaction");
    }
    state = "ready";
    metrics.requested((performance.now() - startedAt) / 1000);
  }

  return {
    start,
    stop: async () => close(),
    transact,
  };
}

async function coordinatorOf(
  connection: ProduceConnection,
  transactionalId: string,
): Promise<TransactionBroker> {
  // kafkajs' type leaves out that the coordinator of a transaction is found in the same way.
  const wanted = { groupId: transactionalId, coordinatorType: transactionCoordinator };
  return (await connection.cluster.findGroupCoordinator(wanted)) as TransactionBroker;
}
const transactionCoordinator = 1;

interface Patience {
  readonly types: ReadonlySet<string | undefined>;
  readonly firstMs: number;
  readonly maxMs: number;
}

const starting: Patience = {
  types: new Set([
    "CONCURRENT_TRANSACTIONS",
    "GROUP_LOAD_IN_PROGRESS",
    "GROUP_COORDINATOR_NOT_AVAILABLE",
    "NOT_COORDINATOR_FOR_GROUP",
  ]),
  firstMs: 5,
  maxMs: 100,
};
const adding: Patience = { types: new Set(["CONCURRENT_TRANSACTIONS"]), firstMs: 1, maxMs: 10 };

/** Tries again while the broker only asks for patience; the caller has the deadline. */
async function retrying<T>({ types, firstMs, maxMs }: Patience, work: () => Promise<T>): Promise<T> {
  for (let waitMs = firstMs; ; waitMs = Math.min(waitMs * 2, maxMs)) {
    try {
      return await work();
    } catch (error) {
      if (!types.has(brokerErrorType(error))) throw error;
      await delay(waitMs);
    }
  }
}

function byTopic(batches: readonly TopicPartition[]): { topic: string; partitions: number[] }[] {
  return [...Map.groupBy(batches, ({ topic }) => topic)].map(([topic, mine]) => ({
    topic,
    partitions: mine.map(({ partition }) => partition),
  }));
}
