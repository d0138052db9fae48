import { setTimeout as delay } from "node:timers/promises";
import type { InRecord, KafkaClient, TransactionalProducer } from "@ethhook/kit";
import { range } from "./kafka-bench.ts";

/** Work that goes on until it is stopped, and what it has done so far. */
export interface Load {
  /** Rounds that the brokers acknowledged, in every partition. */
  done(): number;
  /** Ends after the round that is under way. @returns the number of rounds. Rejects when one was refused. */
  stop(): Promise<number>;
}

/** Calls `round` with 0, 1, 2 … and waits for it and for a while, until it is stopped. */
export function steadily(pauseMs: number, round: (n: number) => Promise<void> | void): () => Promise<number> {
  const over = new AbortController();
  let rounds = 0;
  const running = (async () => {
    while (!over.signal.aborted) {
      await round(rounds++);
      await delay(pauseMs);
    }
  })();
  return async () => {
    over.abort();
    await running;
    return rounds;
  };
}

/** Sends each round's number to every partition, without waiting for the round before. */
export async function writeSteadily(kafka: KafkaClient, topic: string, partitions: number): Promise<Load> {
  const producer = kafka.producer();
  await producer.start();
  const acknowledged = range(0, partitions).map(() => 0);
  const sends: Promise<void>[] = [];
  const stop = steadily(10, (n) => {
    for (const partition of range(0, partitions)) {
      const sent = producer.send([{ topic, key: "k", value: String(n), partition }]);
      sends.push(sent.then(() => void (acknowledged[partition] = n + 1)));
      sent.catch(() => undefined);
    }
  });
  return {
    done: () => Math.min(...acknowledged),
    stop: async () => {
      const rounds = await stop();
      await Promise.all(sends);
      await producer.stop();
      return rounds;
    },
  };
}

export interface LedgerTopics {
  readonly ledger: string;
  /** Every transaction writes its number to each partition. */
  readonly logs: string;
  readonly logPartitions: number;
}

/**
 * Does what an ingestor does: each transaction has the next number of the ledger and what belongs to it. After a failure, whose outcome
 * is unknown, a new holder of the id goes on from the ledger's tail.
 */
export function keepLedger(kafka: KafkaClient, { ledger, logs, logPartitions }: LedgerTopics): Load {
  const at = { topic: ledger, partition: 0 };
  const expected = [at, ...range(0, logPartitions).map((partition) => ({ topic: logs, partition }))];
  let producer: TransactionalProducer | undefined;
  let next = 0;

  async function open(): Promise<TransactionalProducer> {
    const opened = kafka.transactionalProducer(`keeper.${ledger}`);
    await opened.start();
    const [last] = await kafka.readTail(at, 1);
    next = last === undefined ? 0 : Number(last.value) + 1;
    return opened;
  }

  const stop = steadily(5, async () => {
    try {
      producer ??= await open();
      await producer.transact(
        expected.map((where) => ({ ...where, key: "k", value: String(next) })),
        expected,
      );
      next += 1;
    } catch {
      await producer?.stop();
      producer = undefined;
    }
  });
  return {
    done: () => next,
    stop: async () => {
      await stop();
      await producer?.stop();
      return next;
    },
  };
}

/** The numbers of each partition, in its order. */
export async function numbersIn(kafka: KafkaClient, topic: string, partitions: number): Promise<number[][]> {
  const reader = kafka.reader();
  const found: number[][] = [];
  for (const partition of range(0, partitions)) {
    const records: InRecord[] = [];
    for await (const some of reader.read({ topic, partition })) records.push(...some);
    found.push(records.map(({ value }) => Number(value)));
  }
  await reader.close();
  return found;
}
