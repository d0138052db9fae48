import { setTimeout as delay } from "node:timers/promises";
import { PipelineError } from "@ethhook/schemas";
import type { Logger } from "../logger.ts";
import type { ClientSettings } from "./client.ts";
import { brokerErrorType, classifySendFailure, messageOf, unreachable, withDeadline } from "./errors.ts";
import type { KafkaMetrics } from "./kafka-metrics.ts";
import { createLogOnce } from "./log-once.ts";
import { partitionOf } from "./murmur2.ts";
import {
  connectToProduce,
  initIdempotent,
  type ProduceConnection,
  type ProducerIdentity,
} from "./produce/connection.ts";
import { type Call, createSendBuffer, type OpenBatch } from "./produce/send-buffer.ts";
import { writeBatches, type WriteOutcome } from "./produce/write-batches.ts";
import { createPace } from "./produce/pace.ts";
import type { OutRecord, Producer, ProducerOptions, SendOptions, TopicWrites } from "./types.ts";

export interface ProducerDeps {
  readonly settings: ClientSettings;
  readonly logger: Logger;
  readonly metrics: KafkaMetrics;
  readonly writes: (topic: string) => TopicWrites;
}

const defaults = {
  intervalMs: 0,
  requestBytesMax: 8_388_608,
  requestTimeoutMs: 10_000,
  deliveryTimeoutMs: 120_000,
  roomBytes: 33_554_432,
  bufferBytesMax: 268_435_456,
} as const;

const backoffFirstMs = 50;
const backoffMaxMs = 2_000;
/** Part of a topic's limit that one batch may fill: the batch's own header and rounding stay below the rest. */
const batchFill = 0.95;
/** A topic that was just created may not be known yet. */
const unknownTopicTries = 5;
const unknownTopicWaitMs = 200;

/**
 * An accumulating, idempotent producer over kafkajs' connections. One request a broker is in flight; what is sent meanwhile
 * travels in the next one, so the order of a partition is the order of the calls. A request without an answer is repeated
 * over a new connection with the same identity and sequence numbers: the broker drops what it has already. An identity
 * that the broker has lost is replaced.
 */
export function createProducer(options: ProducerOptions, deps: ProducerDeps): Producer {
  const config = { ...defaults, ...options };
  const metrics = deps.metrics.ofProducer(buffered);
  const once = createLogOnce(Date.now);
  const pace = createPace(config.intervalMs, () => performance.now());
  const buffer = createSendBuffer({
    requestBytesMax: config.requestBytesMax,
    batchBytesMax: (topic) => deps.writes(topic).messageBytesMax * batchFill,
  });
  /** Number of partitions by topic. */
  const topics = new Map<string, number>();
  /** Calls whose topics are not all known yet, in order. */
  let unrouted: { records: readonly OutRecord[]; call: Call }[] = [];
  let unroutedBytes = 0;
  let connection: ProduceConnection | undefined;
  let identity: ProducerIdentity | undefined;
  let pumping: Promise<void> | undefined;
  let scheduled = false;
  let stopped = false;
  let waiters: (() => void)[] = [];
  let failingSinceMs: number | undefined;

  function buffered(): number {
    return buffer.bytes() + unroutedBytes;
  }

  async function connect(): Promise<{ connection: ProduceConnection; identity: ProducerIdentity }> {
    connection ??= await connectToProduce({ ...deps.settings, logger: deps.logger });
    identity ??= await withDeadline(initIdempotent(connection), config.requestTimeoutMs, late);
    return { connection, identity };
  }

  function late(): Error {
    return new Error(`no answer in ${config.requestTimeoutMs} ms`);
  }

  /** What was sent over it can no longer arrive; what is sent again has the same numbers. */
  function disconnect(): void {
    connection?.close();
    connection = undefined;
  }

  function route({ records, call }: { records: readonly OutRecord[]; call: Call }): void {
    buffer.add(
      records,
      ({ topic, key, partition }) => partition ?? partitionOf(key, topics.get(topic) ?? 1),
      call,
    );
  }

  /** Gives the records of new topics their partitions. A topic that does not exist rejects its calls. */
  async function routeAll(over: ProduceConnection): Promise<void> {
    while (unrouted.length > 0) {
      const [first] = unrouted as [(typeof unrouted)[number]];
      const missing = first.records.find((record) => !topics.has(record.topic))?.topic;
      const found =
        missing === undefined
          ? 1
          : await withDeadline(partitionsOf(over, missing), config.requestTimeoutMs, late);
      if (missing !== undefined && found > 0) topics.set(missing, found);
      if (missing !== undefined && found > 0 && first.records.some((record) => !topics.has(record.topic)))
        continue;
      unrouted = unrouted.slice(1);
      unroutedBytes -= sizeOf(first.records);
      if (found > 0) route(first);
      else
        first.call.reject(
          new PipelineError(
            "BROKER_REFUSED",
            "crash",
            `There is no topic ${missing}: create it (npm run topology -- apply).`,
          ),
        );
    }
  }

  async function partitionsOf(over: ProduceConnection, topic: string): Promise<number> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await over.partitions(topic);
      } catch (error) {
        const type = brokerErrorType(error);
        if (type === "INVALID_TOPIC_EXCEPTION" || type === "TOPIC_AUTHORIZATION_FAILED") return 0;
        if (type !== "UNKNOWN_TOPIC_OR_PARTITION") throw error;
        if (attempt === unknownTopicTries) return 0;
        await delay(unknownTopicWaitMs);
      }
    }
  }

  /** One request to each broker that leads something. @returns the failures that may pass. */
  async function round(): Promise<Error[]> {
    const { connection: over, identity: as } = await connect();
    await routeAll(over);
    const batches = buffer.open();
    if (batches.length === 0) return [];
    await withDeadline(nameTopics(over, batches), config.requestTimeoutMs, late);
    const startedAt = performance.now();
    const write = { ...as, writes: deps.writes, timeoutMs: config.requestTimeoutMs };
    const outcomes = await withDeadline(writeBatches(over, batches, write), config.requestTimeoutMs, late);
    const failures = decide(batches, outcomes);
    metrics.requested((performance.now() - startedAt) / 1000);
    if (failures.some((error) => brokerErrorType(error) !== undefined)) await over.refresh();
    if (failures.some((error) => brokerErrorType(error) === undefined)) disconnect();
    return failures;
  }

  function decide(batches: readonly OpenBatch[], outcomes: readonly WriteOutcome[]): Error[] {
    const failures: Error[] = [];
    const opened = new Map(batches.map((batch) => [`${batch.topic}:${batch.partition}`, batch]));
    let identityLost = false;
    for (const { topic, partition, error } of outcomes) {
      const batch = opened.get(`${topic}:${partition}`);
      if (!batch) continue;
      if (!error) {
        metrics.acknowledged(batch.records.length, batch.bytes);
        buffer.acknowledge(batch);
        continue;
      }
      metrics.failed();
      const kind = classifySendFailure(error);
      // Refused now, but an earlier attempt may have been written: its numbers must not be used for other records.
      if (kind === "identity-lost" || (batch.repeated && kind !== "transient")) identityLost = true;
      if (kind === "too-large" && buffer.halve(batch)) continue;
      if (kind === "too-large" || kind === "refused") buffer.reject(batch, refusal(batch, kind, error));
      else failures.push(error);
    }
    if (identityLost) renew();
    return failures;
  }

  /** Undecided records get new numbers: a repeat of them is possible from here on, a loss is not. */
  function renew(): void {
    identity = undefined;
    buffer.restart();
    metrics.replaced();
  }

  function hasWork(): boolean {
    return !buffer.isEmpty() || unrouted.length > 0;
  }

  async function pump(): Promise<void> {
    let backoffMs: number = backoffFirstMs;
    while (hasWork()) {
      await pace.next();
      let failures: Error[];
      try {
        failures = await round();
      } catch (error) {
        metrics.failed();
        failures = [error as Error];
        disconnect();
      }
      admitWaiting();
      const [failure] = failures;
      if (!failure) {
        failingSinceMs = undefined;
        backoffMs = backoffFirstMs;
        continue;
      }
      failingSinceMs ??= Date.now();
      const { say, keptBack } = once(messageOf(failure));
      const fields = { event: "producer.failed", err: failure, buffered: buffered(), keptBack };
      if (say) deps.logger.warn(fields, `Write failed, sent again: ${messageOf(failure)}`);
      expire(failure);
      if (stopped) return;
      await delay(backoffMs);
      backoffMs = Math.min(backoffMs * 2, backoffMaxMs);
    }
  }

  function expire(cause: unknown): void {
    const message = `Not acknowledged in ${config.deliveryTimeoutMs} ms: ${messageOf(cause)}`;
    const error = new PipelineError("BROKER_TIMEOUT", "retry", message, { cause });
    const beforeMs = Date.now() - config.deliveryTimeoutMs;
    for (const { call } of unrouted.filter((waiting) => waiting.call.startedAtMs < beforeMs))
      call.reject(error);
    unrouted = unrouted.filter((waiting) => waiting.call.startedAtMs >= beforeMs);
    unroutedBytes = unrouted.reduce((sum, { records }) => sum + sizeOf(records), 0);
    // An undecided batch that is given up leaves a hole in the numbers that only a new identity closes.
    if (buffer.expire(beforeMs, error) > 0) renew();
  }

  function admitWaiting(): void {
    if (waiters.length === 0 || buffered() > config.roomBytes) return;
    const admitted = waiters;
    waiters = [];
    for (const admit of admitted) admit();
  }

  function wake(): void {
    if (pumping || scheduled) return;
    scheduled = true;
    // After this turn of the event loop: everything that one fetch or one request brought travels together.
    setImmediate(() => {
      scheduled = false;
      startPump();
    });
  }

  function startPump(): void {
    pumping ??= pump().finally(() => {
      pumping = undefined;
      admitWaiting();
      // What came between the pump's last look and now.
      if (hasWork() && !stopped) wake();
    });
  }

  async function stop(): Promise<void> {
    stopped = true;
    pace.end();
    const deadlineMs = Date.now() + config.requestTimeoutMs;
    startPump();
    while (pumping && Date.now() < deadlineMs)
      await Promise.race([pumping, delay(deadlineMs - Date.now(), undefined, { ref: false })]);
    const error = new PipelineError(
      "PRODUCER_STOPPED",
      "retry",
      "The producer was stopped before this was written.",
    );
    for (const { call } of unrouted) call.reject(error);
    unrouted = [];
    metrics.closed();
    buffer.rejectAll(error);
    admitWaiting();
    disconnect();
  }

  function send(records: readonly OutRecord[], options?: SendOptions): Promise<void> {
    if (stopped)
      return Promise.reject(new PipelineError("PRODUCER_STOPPED", "retry", "The producer is stopped."));
    if (buffered() > config.bufferBytesMax) {
      const message = `More than ${config.bufferBytesMax} bytes wait for the broker.`;
      return Promise.reject(new PipelineError("PRODUCER_OVERLOADED", "retry", message));
    }
    return new Promise((resolve, reject) => {
      if (records.length === 0) return resolve();
      const call = { startedAtMs: Date.now(), resolve, reject };
      if (unrouted.length === 0 && records.every((record) => topics.has(record.topic)))
        route({ records, call });
      else {
        unrouted.push({ records, call });
        unroutedBytes += sizeOf(records);
      }
      if (options?.urgent) pace.hurry();
      wake();
    });
  }

  return {
    start: async () => {
      await connect().catch((error: unknown) => {
        disconnect();
        throw unreachable(deps.settings.brokers, error);
      });
    },
    stop,
    send,
    room: () =>
      buffered() <= config.roomBytes ? Promise.resolve() : new Promise((resolve) => waiters.push(resolve)),
    stalledMs: () => (failingSinceMs === undefined ? 0 : Date.now() - failingSinceMs),
  };
}

/**
 * A connection asks the broker about those topics only that it was told of: a new one must be told of every topic that is written, not
 * only of those that are new. Else its first refresh forgets the others, and they have no leader for ever.
 */
async function nameTopics(over: ProduceConnection, batches: readonly OpenBatch[]): Promise<void> {
  for (const topic of new Set(batches.map((batch) => batch.topic))) await over.partitions(topic);
}

function refusal(
  { topic, records, bytes }: OpenBatch,
  kind: "too-large" | "refused",
  cause: Error,
): PipelineError {
  if (kind === "refused") {
    return new PipelineError(
      "BROKER_REFUSED",
      "crash",
      `The broker refuses records for ${topic}: ${cause.message}`,
      { cause },
    );
  }
  const message = `A record of ${bytes} bytes (key ${records[0]?.key}) is too large for ${topic}.`;
  return new PipelineError("RECORD_TOO_LARGE", "dead-letter", message, { cause });
}

function sizeOf(records: readonly OutRecord[]): number {
  return records.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
}
