import { createPayloadWriter, webhookId, type Delivery, type Log } from "@ethhook/schemas";
import { bareKafka } from "../bare/kafka.ts";
import { monotonicMs } from "./clock.ts";
import { transferOf, word } from "./transfers.ts";
import { serve } from "./worker.ts";

/** Deliveries for each endpoint in turn. */
export interface WriteDeliveries {
  readonly topic: string;
  readonly endpointIds: readonly string[];
  readonly deliveries: number;
  /** Null: all at once, as fast as the broker takes them. */
  readonly perSecond: number | null;
  /** The number of the first one: no number is used twice. */
  readonly first: number;
}

export interface WrittenDeliveries {
  /** Event id → monotonic milliseconds when the broker had acknowledged the delivery; in the order of their numbers. */
  readonly ackedMs: ReadonlyMap<string, number>;
}

const tickMs = 10;
const burstRecords = 500;

interface Prepared {
  readonly eventId: string;
  readonly key: string;
  readonly value: string;
}

/** A matcher that has done its work: deliveries as it writes them, of ERC-20 transfers. */
await serve<{ readonly brokers: readonly string[] }, WriteDeliveries>(async ({ brokers }) => {
  const producer = bareKafka(brokers).producer({ allowAutoTopicCreation: false });
  await producer.connect();

  async function send(topic: string, some: readonly Prepared[], ackedMs: Map<string, number>): Promise<void> {
    await producer.send({ topic, acks: -1, messages: some.map(({ key, value }) => ({ key, value })) });
    const atMs = monotonicMs();
    for (const { eventId } of some) ackedMs.set(eventId, atMs);
  }

  async function write(request: WriteDeliveries): Promise<WrittenDeliveries> {
    const { topic, perSecond, deliveries } = request;
    const ackedMs = new Map<string, number>();
    const at = (index: number): Prepared => deliveryOf(request, request.first + index);
    if (perSecond === null) {
      // All of them first: writing takes no time from those who are measured.
      const all = Array.from({ length: deliveries }, (_, index) => at(index));
      for (let from = 0; from < all.length; from += burstRecords)
        await send(topic, all.slice(from, from + burstRecords), ackedMs);
      return { ackedMs };
    }
    const perTick = Math.max(1, Math.round((perSecond * tickMs) / 1000));
    const startedMs = monotonicMs();
    const sends: Promise<void>[] = [];
    for (let from = 0; from < deliveries; from += perTick) {
      await until(startedMs + (from / perTick) * tickMs);
      const some = Array.from({ length: Math.min(perTick, deliveries - from) }, (_, index) =>
        at(from + index),
      );
      for (const { eventId } of some) ackedMs.set(eventId, 0);
      sends.push(send(topic, some, ackedMs));
    }
    await Promise.all(sends);
    return { ackedMs };
  }

  return { answer: write, stop: () => producer.disconnect() };
});

function until(dueMs: number): Promise<void> {
  const waitMs = dueMs - monotonicMs();
  return new Promise((resolve) => {
    if (waitMs <= 0) setImmediate(resolve);
    else setTimeout(resolve, waitMs);
  });
}

function deliveryOf({ endpointIds }: WriteDeliveries, n: number): Prepared {
  const endpointId = endpointIds[n % endpointIds.length] ?? "";
  const nowMs = Date.now();
  const log: Log = {
    v: 1,
    kind: "new",
    chainId: 1,
    blockNumber: n,
    blockHash: word(n),
    blockTimestamp: Math.floor(nowMs / 1000),
    transactionHash: word(n * 1000),
    transactionIndex: 0,
    logIndex: 0,
    ...transferOf(n, 0, ["0xc0ffee0000000000000000000000000000000001"]),
    sequence: n + 1,
    addedSequence: n + 1,
    proof: "receipts",
    seenAtMs: nowMs,
  };
  const eventId = `1:${log.blockHash}:0`;
  const filter = { version: 1, why: "address" };
  const delivery: Delivery = {
    v: 1,
    webhookId: webhookId({ eventId, sequence: log.sequence, endpointId, kind: "new" }),
    eventId,
    kind: "new",
    endpointId,
    applicationId: "app_00000000000000000000000a",
    userId: "usr_00000000000000000000000a",
    chainId: 1,
    blockNumber: n,
    blockHash: log.blockHash,
    blockTimestamp: log.blockTimestamp,
    transactionHash: log.transactionHash,
    logIndex: 0,
    contract: log.address,
    sequence: log.sequence,
    addedSequence: log.sequence,
    finality: "latest",
    format: "standard",
    filterVersion: 1,
    why: filter.why,
    body: createPayloadWriter(log, "ethereum", "latest").standard({ endpointId, event: null, filter }),
    seenAtMs: nowMs,
    matchedAtMs: nowMs,
    attemptsMade: 0,
    origin: "match",
  };
  return { eventId, key: endpointId, value: JSON.stringify(delivery) };
}
