import { randomUUID } from "node:crypto";
import { eventId, logCodec, type Log } from "@ethhook/schemas";
import type { Kafka, Producer } from "kafkajs";
import { percentile } from "../frame/statistics.ts";
import { monotonicMs } from "../load/clock.ts";
import { serve } from "../load/worker.ts";
import { bareConsume, bareKafka } from "./kafka.ts";

export interface MeasureHop {
  readonly logs: readonly Log[];
  readonly logsPerSecond: number;
  readonly seconds: number;
  readonly firstSequence: number;
}

/** Not the topic that is matched for speed: its logs stay as they were. */
const topic = "logs.base";
const chainId = 8_453;
const tickMs = 10;
const patienceMs = 10_000;

/** Writes logs at a steady rate, and sees both them and their deliveries: the difference is what matching adds. */
await serve<{ readonly brokers: readonly string[] }, MeasureHop>(async ({ brokers }) => {
  const kafka = bareKafka(brokers);
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  return {
    async answer(request) {
      const logs = await seeFrom(kafka, topic, (value) => eventId(JSON.parse(value) as Log));
      const deliveries = await seeFrom(
        kafka,
        "deliveries",
        (value) => (JSON.parse(value) as { eventId: string }).eventId,
      );
      try {
        const ids = await writeAtPace(producer, request);
        await bothSaw(ids, logs.seenMs, deliveries.seenMs);
        const addedMs = ids.map((id) => (deliveries.seenMs.get(id) ?? 0) - (logs.seenMs.get(id) ?? 0));
        const sorted = addedMs.toSorted((a, b) => a - b);
        return { p50Ms: percentile(sorted, 50), p99Ms: percentile(sorted, 99), logs: ids.length };
      } finally {
        await Promise.all([logs.stop(), deliveries.stop()]);
      }
    },
    stop: () => producer.disconnect(),
  };
});

/** Notes when each record that is written from now on is seen, by its id. */
async function seeFrom(kafka: Kafka, topic: string, idOf: (value: string) => string) {
  const seenMs = new Map<string, number>();
  const consumer = await bareConsume(kafka, {
    groupId: `bare.hop.${randomUUID()}`,
    topic,
    fromEnd: true,
    onValue(value) {
      const id = idOf(value.toString());
      // A repeat is not when it was seen.
      if (!seenMs.has(id)) seenMs.set(id, monotonicMs());
    },
  });
  return { seenMs: seenMs as ReadonlyMap<string, number>, stop: () => consumer.disconnect() };
}

/** @returns the ids of all logs, once the broker holds them. */
async function writeAtPace(producer: Producer, request: MeasureHop): Promise<readonly string[]> {
  const { logs, logsPerSecond, seconds, firstSequence } = request;
  const perTick = (logsPerSecond * tickMs) / 1000;
  const ticks = Math.round((seconds * 1000) / tickMs);
  let startedMs = monotonicMs();
  const sends: Promise<unknown>[] = [];
  const ids: string[] = [];
  for (let tick = 0; tick < ticks; tick += 1) {
    const waitMs = startedMs + tick * tickMs - monotonicMs();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const block = blockOf(logs, tick * perTick, perTick, firstSequence + tick);
    ids.push(...block.map((log) => eventId(log)));
    const messages = block.map((log) => ({ key: log.address, value: logCodec.encode(log) }));
    sends.push(producer.send({ topic, acks: -1, messages }));
    if (tick > 0) continue;
    // While kafkajs connects, later records can overtake this one; along a partition sequences only grow.
    await sends[0];
    startedMs = monotonicMs();
  }
  await Promise.all(sends);
  return ids;
}

/** Waits until every log was seen in both topics. @throws when one was not: then there is no figure. */
async function bothSaw(
  ids: readonly string[],
  ...seen: readonly [logs: ReadonlyMap<string, number>, deliveries: ReadonlyMap<string, number>]
): Promise<void> {
  const missing = (): string[][] => seen.map((one) => ids.filter((id) => !one.has(id)));
  for (const until = monotonicMs() + patienceMs; monotonicMs() < until;) {
    if (missing().every((some) => some.length === 0)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const [logs, deliveries] = missing().map((some) => `${some.length} (${some.slice(0, 3).join(", ")})`);
  throw new Error(
    `of ${ids.length} logs written, ${logs} were not read again and ${deliveries} were not delivered`,
  );
}

/** The next logs of the real block, as a block of their own. */
function blockOf(logs: readonly Log[], first: number, count: number, sequence: number): Log[] {
  const blockHash = `0x${sequence.toString(16).padStart(64, "f")}`;
  return Array.from({ length: count }, (_, logIndex) => {
    const log = logs[(first + logIndex) % logs.length];
    if (log === undefined) throw new Error("no logs were given");
    return { ...log, chainId, blockHash, logIndex, sequence, addedSequence: sequence };
  });
}
