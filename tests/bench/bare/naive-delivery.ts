import { createHmac, randomBytes } from "node:crypto";
import axios from "axios";
import { monotonicMs } from "../load/clock.ts";
import { serve } from "../load/worker.ts";
import { bareKafka } from "./kafka.ts";
import type { Posted } from "./posts.ts";

export interface NaiveDelivery {
  readonly brokers: readonly string[];
  readonly topic: string;
  /** Endpoint id → where its webhooks go. */
  readonly urls: Readonly<Record<string, string>>;
}

/** What one writes first: kafkajs' `eachMessage` that signs and awaits axios, with the commits that kafkajs makes. */
await serve<NaiveDelivery, { readonly posts: number }>(async ({ brokers, topic, urls }) => {
  const secret = randomBytes(32);
  const consumer = bareKafka(brokers).consumer({ groupId: "naive.delivery", maxWaitTimeInMs: 100 });
  let handled = 0;
  let tell: () => void = () => undefined;
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      const { webhookId, endpointId, body } = JSON.parse(String(message.value)) as Record<string, string>;
      const timestamp = Math.floor(Date.now() / 1000);
      const digest = createHmac("sha256", secret)
        .update(`${webhookId}.${timestamp}.${body}`)
        .digest("base64");
      const headers = {
        "content-type": "application/json",
        "webhook-id": webhookId,
        "webhook-timestamp": timestamp,
        "webhook-signature": `v1,${digest}`,
      };
      await axios.post(urls[endpointId ?? ""] ?? "", body, { headers });
      handled += 1;
      tell();
    },
  });

  /** From the first POST that is answered to the last. */
  async function answer({ posts }: { readonly posts: number }): Promise<Posted> {
    await reached(1);
    const cpu = process.cpuUsage();
    const startedMs = monotonicMs();
    await reached(posts);
    handled = 0;
    const { user, system } = process.cpuUsage(cpu);
    return { seconds: (monotonicMs() - startedMs) / 1000, cpuSeconds: (user + system) / 1e6 };
  }

  function reached(count: number): Promise<void> {
    return new Promise((resolve) => {
      tell = () => {
        if (handled >= count) resolve();
      };
      tell();
    });
  }

  return { answer, stop: () => consumer.disconnect() };
});
