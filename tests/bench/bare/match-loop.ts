import { randomUUID } from "node:crypto";
import { serve } from "../load/worker.ts";
import { bareConsume, bareKafka } from "./kafka.ts";

export interface BareDrain {
  readonly topic: string;
  readonly logs: number;
  /** Logs before the measurement begins: a loop that has just begun is not compiled yet. */
  readonly warmLogs: number;
}

/** The limit of any matcher on kafkajs: fetch, JSON.parse, nothing else. */
await serve<{ readonly brokers: readonly string[] }, BareDrain>(async ({ brokers }) => ({
  async answer({ topic, logs, warmLogs }) {
    const finished = Promise.withResolvers<void>();
    let seen = 0;
    let cpu = process.cpuUsage();
    let startedMs = 0;
    let length = 0;
    const consumer = await bareConsume(bareKafka(brokers), {
      groupId: `bare.match.${randomUUID()}`,
      topic,
      onValue(value) {
        if (seen === warmLogs) {
          cpu = process.cpuUsage();
          startedMs = performance.now();
        }
        const log = JSON.parse(value.toString()) as { data: string };
        length += log.data.length;
        seen += 1;
        if (seen === logs) finished.resolve();
      },
    });
    await finished.promise;
    const { user, system } = process.cpuUsage(cpu);
    const seconds = (performance.now() - startedMs) / 1000;
    await consumer.disconnect();
    return { cpuSeconds: (user + system) / 1e6, seconds, logs: logs - warmLogs, length };
  },
  stop: async () => undefined,
}));
