import type { Log } from "@ethhook/schemas";
import { serve } from "../load/worker.ts";
import { bareConsume, bareKafka } from "./kafka.ts";

export interface BareMatcher {
  readonly brokers: readonly string[];
  readonly from: string;
  readonly to: string;
  /** Contract address → the endpoint that listens to it. */
  readonly endpoints: Readonly<Record<string, { readonly id: string; readonly url: string }>>;
}

const sendRecordsMax = 500;

/** Log in, delivery out: parse, look the address up, build the body, and produce whatever has gathered meanwhile. */
await serve<BareMatcher, never>(async ({ brokers, from, to, endpoints }) => {
  const kafka = bareKafka(brokers);
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  let waiting: { key: string; value: string }[] = [];
  let sending = false;

  async function send(): Promise<void> {
    if (sending) return;
    sending = true;
    while (waiting.length > 0) {
      // kafkajs makes one batch of a partition's records, and the broker takes no batch above its limit.
      const messages = waiting.slice(0, sendRecordsMax);
      waiting = waiting.slice(sendRecordsMax);
      await producer.send({ topic: to, acks: -1, messages });
    }
    sending = false;
  }

  const consumer = await bareConsume(kafka, {
    groupId: "bare.matcher",
    topic: from,
    onValue(value) {
      const log = JSON.parse(value.toString()) as Log;
      const endpoint = endpoints[log.address];
      if (endpoint === undefined) return;
      const id = `${log.chainId}:${log.blockHash}:${log.logIndex}`;
      const body = JSON.stringify({
        type: "log.new",
        data: { ...log, eventId: id, endpointId: endpoint.id },
      });
      waiting.push({
        key: endpoint.id,
        value: JSON.stringify({ id, endpointId: endpoint.id, url: endpoint.url, body }),
      });
      // One tick gathers the rest of the batch.
      setImmediate(() => void send());
    },
  });
  return {
    stop: async () => {
      await consumer.disconnect();
      await producer.disconnect();
    },
  };
});
