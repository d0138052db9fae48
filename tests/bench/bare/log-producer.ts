import { monotonicMs } from "../load/clock.ts";
import { transferOf, word } from "../load/transfers.ts";
import { serve } from "../load/worker.ts";
import { bareKafka } from "./kafka.ts";
import { createBareTopics } from "./topics.ts";

export interface Produce {
  readonly topic: string;
  readonly logsPerSecond: number;
  readonly seconds: number;
  /** Number of the first block; each run continues behind the one before. */
  readonly firstBlock: number;
}

/** Logs all at once, as fast as the broker takes them. */
export interface ProduceBurst {
  readonly topic: string;
  readonly logs: number;
  readonly firstBlock: number;
}

export interface Produced {
  /** Event id → monotonic milliseconds when the broker had acknowledged the log. */
  readonly ackedMs: ReadonlyMap<string, number>;
  readonly nextBlock: number;
  /** How long the writing took; longer than asked for when the machine could not keep up. */
  readonly seconds: number;
}

const tickMs = 10;
/** Logs of one block of a burst. */
const burstLogs = 500;

/**
 * Logs at a steady rate, one small block a tick, from whose addresses the caller chose. It never catches up by a burst:
 * a tick that comes late writes its own logs only, so that the rate is what was asked for or less, never more.
 */
interface Settings {
  readonly brokers: readonly string[];
  readonly addresses: readonly string[];
  /** Created first: name → partitions. */
  readonly topics: Readonly<Record<string, number>>;
}

await serve<Settings, Produce | ProduceBurst>(async ({ brokers, addresses, topics }) => {
  await createBareTopics(brokers, topics);
  const producer = bareKafka(brokers).producer({ allowAutoTopicCreation: false });
  await producer.connect();

  async function produce({ topic, logsPerSecond, seconds, firstBlock }: Produce): Promise<Produced> {
    const perTick = Math.max(1, Math.round((logsPerSecond * tickMs) / 1000));
    const ticks = Math.round((seconds * 1000) / tickMs);
    const ackedMs = new Map<string, number>();
    const sends: Promise<void>[] = [];
    let startedMs = monotonicMs();
    for (let tick = 0; tick < ticks; tick += 1) {
      const dueMs = startedMs + tick * tickMs;
      await until(dueMs);
      sends.push(sendBlock(topic, firstBlock + tick, perTick, ackedMs));
      if (tick > 0) continue;
      // While kafkajs connects, later records can overtake this one; along a partition sequences only grow.
      await sends[0];
      startedMs = monotonicMs();
    }
    await Promise.all(sends);
    return { ackedMs, nextBlock: firstBlock + ticks, seconds: (monotonicMs() - startedMs) / 1000 };
  }

  async function burst({ topic, logs, firstBlock }: ProduceBurst): Promise<Produced> {
    const ackedMs = new Map<string, number>();
    // All of them first: writing takes no time from those who are measured.
    const blocks = Array.from({ length: Math.ceil(logs / burstLogs) }, (_, index) =>
      messagesOf(firstBlock + index, Math.min(burstLogs, logs - index * burstLogs)),
    );
    const startedMs = monotonicMs();
    for (const messages of blocks) await sendAll(topic, messages, ackedMs);
    const seconds = (monotonicMs() - startedMs) / 1000;
    return { ackedMs, nextBlock: firstBlock + blocks.length, seconds };
  }

  const messagesOf = (block: number, count: number): readonly Message[] =>
    Array.from({ length: count }, (_, index) => {
      const log = logOf(block, index, addresses);
      const id = `${log.chainId}:${log.blockHash}:${log.logIndex}`;
      return { id, key: log.address, value: JSON.stringify(log) };
    });

  const sendBlock = (topic: string, block: number, count: number, ackedMs: Map<string, number>) =>
    sendAll(topic, messagesOf(block, count), ackedMs);

  async function sendAll(topic: string, messages: readonly Message[], ackedMs: Map<string, number>) {
    await producer.send({ topic, acks: -1, messages: messages.map(({ key, value }) => ({ key, value })) });
    const atMs = monotonicMs();
    for (const { id } of messages) ackedMs.set(id, atMs);
  }

  const answer = (request: Produce | ProduceBurst): Promise<Produced> =>
    "logs" in request ? burst(request) : produce(request);

  return { answer, stop: () => producer.disconnect() };
});

interface Message {
  readonly id: string;
  readonly key: string;
  readonly value: string;
}

function until(dueMs: number): Promise<void> {
  const waitMs = dueMs - monotonicMs();
  return new Promise((resolve) => {
    if (waitMs <= 0) setImmediate(resolve);
    else setTimeout(resolve, waitMs);
  });
}

/** An ERC-20 transfer of the shape that `logs.ethereum` carries. */
function logOf(block: number, logIndex: number, addresses: readonly string[]) {
  return {
    v: 1,
    kind: "new",
    chainId: 1,
    blockNumber: block,
    blockHash: word(block),
    blockTimestamp: Math.floor(Date.now() / 1000),
    transactionHash: word(block * 1000 + logIndex),
    transactionIndex: logIndex,
    logIndex,
    ...transferOf(block, logIndex, addresses),
    sequence: block,
    addedSequence: block,
    proof: "receipts",
    seenAtMs: Date.now(),
  };
}
