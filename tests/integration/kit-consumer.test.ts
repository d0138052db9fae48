import type { Batch } from "@ethhook/kit";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type BrokerBench, brokers, range, sorted } from "../support/kafka-bench.ts";
import { until } from "../support/until.ts";

describe.each(brokers)("$name", ({ start }) => {
  let bench: BrokerBench;
  beforeAll(async () => {
    bench = await start();
  });
  afterEach(() => bench.afterEach());
  afterAll(() => bench?.stop());

  test("every record is handed over once, and the lag becomes 0", async () => {
    const topic = await bench.newTopic(12);
    await bench.write(topic, 0, 1_000);
    const one = await bench.member({ groupId: topic, topics: [topic] });
    await until(
      "all values",
      () => one.values.length,
      (count) => count >= 1_000,
    );
    expect(sorted(one.values)).toEqual(range(0, 1_000));
    await until(
      "lag 0",
      () => bench.lag(topic, topic),
      (left) => left === 0,
    );
  });

  test("an unsettled record holds its partition's offset, and the next member reads from it", async () => {
    const topic = await bench.newTopic(1);
    await bench.write(topic, 0, 10);
    const options = { groupId: topic, topics: [topic], drainTimeoutMs: 200 };
    const first = await bench.member(options, (batch) => {
      for (const { offset } of batch.records) if (offset !== 4) batch.settle(offset);
    });
    await until(
      "all values",
      () => first.values.length,
      (count) => count === 10,
    );
    await first.stop();
    expect(await bench.committed(topic, topic, 0)).toBe(4);
    const second = await bench.member({ groupId: topic, topics: [topic] });
    await until(
      "the rest",
      () => second.values.length,
      (count) => count === 6,
    );
    expect(second.values).toEqual(range(4, 10));
  });

  test("a stop drains what is in flight, commits it, and leaves the group at once", async () => {
    const topic = await bench.newTopic(1);
    await bench.write(topic, 0, 5);
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const open: Batch[] = [];
    const one = await bench.member(
      { groupId: topic, topics: [topic], commitIntervalMs: 60_000 },
      (batch) => void open.push(batch),
      async () => {
        ask();
        for (const batch of open) batch.settleAll();
      },
    );
    await until(
      "all values",
      () => one.values.length,
      (count) => count === 5,
    );
    const stopping = one.stop();
    await asked;
    await stopping;
    expect(await bench.committed(topic, topic, 0)).toBe(5);
    // An offset is set only in an empty group.
    await bench.setOffset(topic, topic, 0, 0);
  });

  test("a transaction's marker, which is never handed over, is committed too: the lag becomes 0", async () => {
    const topic = await bench.newTopic(1);
    const one = await bench.member({ groupId: topic, topics: [topic] });
    const first = bench.kafka.transactionalProducer(`tx.${topic}`);
    await first.start();
    await first.transact([{ topic, key: "k", value: "1" }]);
    await first.stop();
    await until(
      "the record",
      () => one.values.length,
      (count) => count === 1,
    );
    await until(
      "lag 0",
      () => bench.lag(topic, topic),
      (left) => left === 0,
    );
    expect(one.values).toEqual([1]);
    expect(await bench.committed(topic, topic, 0)).toBe(2);
  });

  test("a partition above its water mark is paused alone, and goes on below it", async () => {
    const topic = await bench.newTopic(2);
    const open: Batch[] = [];
    const one = await bench.member(
      { groupId: topic, topics: [topic], pauseAbove: 10, resumeBelow: 5, maxBytesPerPartition: 1_000 },
      (batch) => {
        if (batch.partition === 0) open.push(batch);
        else batch.settleAll();
      },
    );
    for (let from = 0; from < 100; from += 10) await bench.write(topic, from, from + 10, 0);
    await until(
      "partition 0 is full",
      () => one.consumer.inFlight().get(`${topic}:0`) ?? 0,
      (count) => count > 10,
    );
    await bench.write(topic, 1_000, 1_050, 1);
    await until(
      "partition 1 goes on",
      () => one.values.filter((value) => value >= 1_000).length,
      (count) => count === 50,
    );
    const held = one.values.filter((value) => value < 1_000).length;
    expect(held).toBeLessThan(100);
    await until(
      "all of partition 0",
      () => {
        for (const batch of open.splice(0)) batch.settleAll();
        return one.values.filter((value) => value < 1_000);
      },
      (values) => values.length === 100,
    );
    await until(
      "lag 0",
      () => bench.lag(topic, topic),
      (left) => left === 0,
    );
  });

  test("a pause holds a partition until its resume, and a seek reads again from there", async () => {
    const topic = await bench.newTopic(2);
    const one = await bench.member({ groupId: topic, topics: [topic] });
    one.consumer.pause({ topic, partition: 0 });
    await bench.write(topic, 0, 10, 0);
    await bench.write(topic, 100, 110, 1);
    await until(
      "partition 1",
      () => one.values.length,
      (count) => count >= 10,
    );
    expect(one.values.every((value) => value >= 100)).toBe(true);
    one.consumer.resume({ topic, partition: 0 });
    await until(
      "partition 0",
      () => one.values.length,
      (count) => count === 20,
    );
    one.consumer.seek({ topic, partition: 0 }, 7);
    await until(
      "again from 7",
      () => one.values.length,
      (count) => count === 23,
    );
    expect(one.values.slice(20)).toEqual([7, 8, 9]);
  });

  test("a handler may pause and seek back the very batch it is given, as a wait for finality does", async () => {
    const topic = await bench.newTopic(1);
    await bench.write(topic, 0, 10);
    let open = false;
    const one = await bench.member({ groupId: topic, topics: [topic] }, (batch) => {
      for (const record of batch.records) {
        if (record.offset >= 5 && !open) {
          one.consumer.pause(batch);
          one.consumer.seek(batch, record.offset);
          return;
        }
        batch.settle(record.offset);
      }
    });
    await until(
      "5 is committed",
      () => bench.committed(topic, topic, 0),
      (offset) => offset === 5,
    );
    open = true;
    one.consumer.resume({ topic, partition: 0 });
    await until(
      "lag 0",
      () => bench.lag(topic, topic),
      (left) => left === 0,
    );
    expect(one.values).toEqual([...range(0, 10), ...range(5, 10)]);
  });

  test("a handler that throws ends the consumer with one crash, and its records are not committed", async () => {
    const topic = await bench.newTopic(1);
    await bench.write(topic, 0, 3);
    const one = await bench.member({ groupId: topic, topics: [topic] }, () => {
      throw new TypeError("a bug");
    });
    await until(
      "the crash",
      () => one.crashes.length,
      (count) => count === 1,
    );
    expect(one.crashes[0]).toMatchObject({ code: "CONSUMER_CRASHED" });
    await one.stop();
    expect(await bench.lag(topic, topic)).toBe(3);
  });
});
