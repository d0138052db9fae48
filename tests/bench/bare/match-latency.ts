import { randomUUID } from "node:crypto";
import { logCodec, type Log } from "@ethhook/schemas";
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

const tickMs = 10;
const patienceMs = 10_000;

/** Writes logs at a steady rate, and sees both them and their deliveries: the difference is what matching adds. */
await serve<{ readonly brokers: readonly string[] }, MeasureHop>(async ({ brokers }) => {
  const kafka = bareKafka(brokers);
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const logSeenMs = new Map<string, number>();
  const deliverySeenMs = new Map<string, number>();
  const see = (topic: string, onValue: (value: Buffer) => void) =>
    bareConsume(kafka, { groupId: `bare.hop.${randomUUID()}`, topic, onValue, fromEnd: true });
  const consumers = await Promise.all([
    see("logs.ethereum", (value) => {
      const { blockHash, logIndex } = JSON.parse(value.toString()) as Log;
      logSeenMs.set(`1:${blockHash}:${logIndex}`, monotonicMs());
    }),
    see("deliveries", (value) => {
      const { eventId } = JSON.parse(value.toString()) as { eventId: string };
      deliverySeenMs.set(eventId, monotonicMs());
    }),
  ]);

  return {
    async answer({ logs, logsPerSecond, seconds, firstSequence }) {
      deliverySeenMs.clear();
      logSeenMs.clear();
      const perTick = (logsPerSecond * tickMs) / 1000;
      const ticks = Math.round((seconds * 1000) / tickMs);
      const startedMs = monotonicMs();
      const sends: Promise<unknown>[] = [];
      for (let tick = 0; tick < ticks; tick += 1) {
        const waitMs = startedMs + tick * tickMs - monotonicMs();
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
        sends.push(
          producer.send({
            topic: "logs.ethereum",
            acks: -1,
            messages: messagesOf(logs, tick, perTick, firstSequence),
          }),
        );
      }
      await Promise.all(sends);
      const expected = ticks * perTick;
      const until = monotonicMs() + patienceMs;
      while (deliverySeenMs.size < expected && monotonicMs() < until)
        await new Promise((resolve) => setTimeout(resolve, 20));
      const addedMs = [...deliverySeenMs].map(
        ([eventId, seenMs]) => seenMs - (logSeenMs.get(eventId) ?? Number.NaN),
      );
      const sorted = addedMs.filter((ms) => !Number.isNaN(ms)).toSorted((a, b) => a - b);
      return { p50Ms: percentile(sorted, 50), p99Ms: percentile(sorted, 99), seen: sorted.length, expected };
    },
    stop: async () => {
      await Promise.all(consumers.map((consumer) => consumer.disconnect()));
      await producer.disconnect();
    },
  };
});

function messagesOf(logs: readonly Log[], tick: number, count: number, firstSequence: number) {
  const sequence = firstSequence + tick;
  const blockHash = `0x${sequence.toString(16).padStart(64, "f")}`;
  return Array.from({ length: count }, (_, index) => {
    const log = logs[(tick * count + index) % logs.length];
    if (log === undefined) throw new Error("no logs were given");
    return {
      key: log.address,
      value: logCodec.encode({ ...log, blockHash, logIndex: index, sequence, addedSequence: sequence }),
    };
  });
}
