import { createHmac, randomBytes } from "node:crypto";
import { Agent } from "undici";
import { serve } from "../load/worker.ts";
import { bareConsume, bareKafka } from "./kafka.ts";

export interface BareDelivery {
  readonly brokers: readonly string[];
  readonly from: string;
  /** Exchanges at the same time. */
  readonly concurrency: number;
}

/** Delivery in, signed POST out, through one pool of kept-alive connections. */
await serve<BareDelivery, never>(async ({ brokers, from, concurrency }) => {
  const agent = new Agent({ connections: concurrency, pipelining: 1 });
  const secret = randomBytes(32);
  const consumer = await bareConsume(bareKafka(brokers), {
    groupId: "bare.delivery",
    topic: from,
    onValue(value) {
      const { id, url, body } = JSON.parse(value.toString()) as { id: string; url: string; body: string };
      const { origin, pathname } = new URL(url);
      const timestamp = Math.floor(Date.now() / 1000);
      const signature = createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64");
      const headers = {
        "content-type": "application/json",
        "webhook-id": id,
        "webhook-timestamp": String(timestamp),
        "webhook-signature": `v1,${signature}`,
      };
      agent.request({ origin, path: pathname, method: "POST", headers, body }).then(
        (response) => response.body.dump(),
        (error: unknown) => console.error("bare delivery:", error),
      );
    },
  });
  return {
    stop: async () => {
      await consumer.disconnect();
      await agent.close();
    },
  };
});
