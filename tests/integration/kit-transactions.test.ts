import { randomUUID } from "node:crypto";
import type { TransactionalProducer } from "@ethhook/kit";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type BrokerBench, brokers, numbered, range, startMemoryBench } from "../support/kafka-bench.ts";
import { until } from "../support/until.ts";

/** As a broker whose partitions have slow leaders: a commit is acknowledged long before it can be read. */
const late = {
  name: "the broker in memory, its markers late",
  start: () => startMemoryBench({ onMarker: () => turns(200) }),
};
const turns = async (count: number): Promise<void> => {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve));
};

describe.each([...brokers, late])("$name", ({ start }) => {
  let bench: BrokerBench;
  beforeAll(async () => {
    bench = await start();
  });
  afterEach(() => bench.afterEach());
  afterAll(() => bench?.stop());

  async function started(id: string): Promise<TransactionalProducer> {
    const producer = bench.kafka.transactionalProducer(id);
    bench.cleanup(() => producer.stop());
    await producer.start();
    return producer;
  }

  /** Nobody becomes the holder of an id before all that was acknowledged under it can be read. */
  async function shown(id: string): Promise<void> {
    await started(id);
  }

  async function committed(topic: string): Promise<number[]> {
    const reader = bench.kafka.reader();
    const values: number[] = [];
    for await (const records of reader.read({ topic, partition: 0 }))
      values.push(...records.map((record) => Number(record.value)));
    await reader.close();
    return values;
  }

  test("a transaction's records become visible together, over several topics", async () => {
    const [logs, ledger] = [await bench.newTopic(3), await bench.newTopic(1)];
    const producer = await started(randomUUID());
    const one = await bench.member({ groupId: logs, topics: [logs, ledger] });
    for (const block of range(0, 5)) {
      await producer.transact([
        ...numbered(logs, block * 10, block * 10 + 9),
        ...numbered(ledger, 1_000 + block, 1_001 + block),
      ]);
    }
    await until(
      "all",
      () => one.values.length,
      (count) => count === 50,
    );
    expect(await committed(ledger)).toEqual(range(1_000, 1_005));
  });

  test("partitions that were expected may get no record, and records may go where none was expected", async () => {
    const topic = await bench.newTopic(4);
    const id = randomUUID();
    const producer = await started(id);
    for (const expected of [[1, 2, 3], [0], []]) {
      const at = expected.map((partition) => ({ topic, partition }));
      await producer.transact([{ ...numbered(topic, 0, 1)[0]!, partition: 0 }], at);
    }
    await shown(id);
    expect(await committed(topic)).toEqual([0, 0, 0]);
    const reader = bench.kafka.reader();
    for (const partition of [1, 2, 3]) expect(await reader.tail({ topic, partition }, 1)).toEqual([]);
    await reader.close();
  });

  test("back-to-back transactions do not wait a retry for the markers of the one before", async () => {
    const topic = await bench.newTopic(12);
    const producer = await started(randomUUID());
    await producer.transact(numbered(topic, 0, 100));
    const startedAt = performance.now();
    for (const round of range(0, 20))
      await producer.transact(numbered(topic, round * 100, round * 100 + 100));
    // With the library's default, 300 ms of waiting each, to which the transaction itself comes: some 12 ms, on a busy machine 100.
    expect((performance.now() - startedAt) / 20).toBeLessThan(300);
  });

  test("a new holder of the id fences the old one, whose transaction is never seen", async () => {
    const topic = await bench.newTopic(1);
    const id = randomUUID();
    const old = await started(id);
    await old.transact(numbered(topic, 0, 1));
    const next = await started(id);
    await expect(old.transact(numbered(topic, 100, 101))).rejects.toMatchObject({ code: "PRODUCER_FENCED" });
    await next.transact(numbered(topic, 1, 2));
    await expect(old.transact(numbered(topic, 101, 102))).rejects.toMatchObject({
      code: "TRANSACTION_UNKNOWN",
    });
    await shown(id);
    expect(await committed(topic)).toEqual([0, 1]);
  });

  test("the tail that is read after the start of a new holder is final: the old one's open transaction is settled", async () => {
    const topic = await bench.newTopic(1);
    const id = randomUUID();
    const old = await started(id);
    const racing = Promise.allSettled(range(0, 30).map(async (value) => value)).then(async () => {
      let done = 0;
      try {
        for (const value of range(0, 1_000)) {
          await old.transact(numbered(topic, value, value + 1));
          done = value + 1;
        }
      } catch {
        // Fenced in the middle, at an unknown place.
      }
      return done;
    });
    await until(
      "some are written",
      () => committed(topic),
      (values) => values.length > 5,
    );
    const next = await started(id);
    const tail = await committed(topic);
    const acknowledged = await racing;
    expect(await committed(topic)).toEqual(tail);
    expect(tail.length).toBeGreaterThanOrEqual(acknowledged);
    await next.transact(numbered(topic, 5_000, 5_001));
    // A broker acknowledges a commit before it has written the markers that make it visible.
    await until(
      "the new holder's transaction is visible",
      () => committed(topic),
      (values) => values.length > tail.length,
    );
    expect(await committed(topic)).toEqual([...tail, 5_000]);
  });

  test("a new holder of the id reads all that was acknowledged, in every partition", async () => {
    const topic = await bench.newTopic(12);
    const id = randomUUID();
    for (const round of range(0, 10)) {
      const producer = await started(id);
      await producer.transact(numbered(topic, round * 100, round * 100 + 100));
      await shown(id);
      const reader = bench.kafka.reader();
      const counts = range(0, 12).map(
        async (partition) => (await reader.tail({ topic, partition }, 9_999)).length,
      );
      expect((await Promise.all(counts)).reduce((sum, count) => sum + count, 0)).toBe((round + 1) * 100);
      await reader.close();
    }
  });

  test("a transaction that fails is not seen, and its producer is dead", async () => {
    const topic = await bench.newTopic(1);
    const producer = await started(randomUUID());
    const records = [...numbered(topic, 0, 3), { topic: `${topic}.missing`, key: "k", value: "v" }];
    await expect(producer.transact(records)).rejects.toMatchObject({ code: "TRANSACTION_UNKNOWN" });
    await expect(producer.transact(numbered(topic, 3, 4))).rejects.toMatchObject({
      code: "TRANSACTION_UNKNOWN",
    });
    const again = await started(randomUUID());
    await again.transact(numbered(topic, 10, 11));
    await until(
      "only the good one",
      () => committed(topic),
      (values) => values.length > 0,
      20_000,
    );
    expect(await committed(topic)).toEqual([10]);
  });

  test("the tail is the last committed records, whatever markers stand between them", async () => {
    const topic = await bench.newTopic(1);
    const id = randomUUID();
    const producer = await started(id);
    for (const value of range(0, 40)) await producer.transact(numbered(topic, value, value + 1));
    await shown(id);
    const values = async (count: number) =>
      (await bench.kafka.readTail({ topic, partition: 0 }, count)).map((record) => Number(record.value));
    expect(await values(3)).toEqual([37, 38, 39]);
    expect(await values(1_000)).toEqual(range(0, 40));
    expect(await bench.kafka.readTail({ topic: await bench.newTopic(1), partition: 0 }, 5)).toEqual([]);
  });
});
