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

  test("before a rebalance the work in flight is finished and committed, so that a join repeats nothing", async () => {
    const topic = await bench.newTopic(2);
    await bench.write(topic, 0, 200);
    const open: Batch[] = [];
    const first = await bench.member(
      { groupId: topic, topics: [topic], commitIntervalMs: 60_000, heartbeatIntervalMs: 300 },
      (batch) => void open.push(batch),
      async () => {
        for (const batch of open.splice(0)) batch.settleAll();
      },
    );
    await until(
      "all values",
      () => first.values.length,
      (count) => count === 200,
    );
    const second = await bench.member({ groupId: topic, topics: [topic], heartbeatIntervalMs: 300 });
    await until(
      "shared",
      () => [first.assigned().length, second.assigned().length],
      ([a, b]) => a === 1 && b === 1,
    );
    await bench.write(topic, 200, 300);
    await until(
      "all new values",
      () => first.values.length + second.values.length,
      (count) => count >= 300,
    );
    expect(sorted([...first.values, ...second.values])).toEqual(range(0, 300));
    expect(first.revokes).toHaveLength(1);
  });

  test("work of an older generation settles nothing: its records are read again", async () => {
    const topic = await bench.newTopic(1);
    await bench.write(topic, 0, 3);
    let hold = true;
    const first = await bench.member(
      { groupId: topic, topics: [topic], heartbeatIntervalMs: 300, drainTimeoutMs: 200 },
      (batch) => {
        if (!hold) batch.settleAll();
      },
    );
    await until(
      "all values",
      () => first.values.length,
      (count) => count === 3,
    );
    const old = first.batches[0]!;
    hold = false;
    const second = await bench.member({ groupId: topic, topics: [topic], heartbeatIntervalMs: 300 });
    await until(
      "read again",
      () => first.values.length + second.values.length,
      (count) => count === 6,
    );
    expect(old.isCurrent()).toBe(false);
    old.settleAll();
    await until(
      "lag 0",
      () => bench.lag(topic, topic),
      (left) => left === 0,
    );
  });

  test("members that come and go under load lose nothing and leave no gap", async () => {
    const topic = await bench.newTopic(12);
    const total = 6_000;
    const settle = (batch: Batch) => {
      // Settled late and out of order, as lanes do it.
      setImmediate(() => {
        for (const { offset } of batch.records.toReversed()) batch.settle(offset);
      });
    };
    const options = {
      groupId: topic,
      topics: [topic],
      heartbeatIntervalMs: 200,
      sessionTimeoutMs: 6_000,
      drainTimeoutMs: 1_000,
    };
    const members = [await bench.member(options, settle)];
    const producer = bench.kafka.producer();
    await producer.start();
    bench.cleanup(() => producer.stop());
    for (let from = 0; from < total; from += 100) {
      await producer.send(range(from, from + 100).map((i) => ({ topic, key: `k${i}`, value: String(i) })));
      if (from === 1_000 || from === 2_000) members.push(await bench.member(options, settle));
      if (from === 3_000) await members[0]!.stop();
      if (from === 4_000) members.push(await bench.member(options, settle));
      if (from === 5_000) await members[1]!.stop();
    }
    const seen = () => new Set(members.flatMap((one) => one.values));
    await until(
      "every value",
      () => seen().size,
      (count) => count === total,
      30_000,
    );
    await until(
      "lag 0",
      () => bench.lag(topic, topic),
      (left) => left === 0,
      20_000,
    );
    // Within one partition and one generation of one member, offsets ascend without a repeat.
    for (const one of members) {
      const runs = Map.groupBy(one.batches, (batch) => `${batch.partition}/${batch.generation}`);
      for (const batches of runs.values()) {
        const offsets = batches.flatMap((batch) => batch.records.map((record) => record.offset));
        expect(offsets).toEqual(sorted([...new Set(offsets)]));
      }
      expect(one.crashes).toEqual([]);
    }
  });

  test("a paused partition that moves away and comes back is not paused any more", async () => {
    const topic = await bench.newTopic(1);
    const options = { groupId: topic, topics: [topic], heartbeatIntervalMs: 200 };
    const first = await bench.member(options);
    first.consumer.pause({ topic, partition: 0 });
    const second = await bench.member(options);
    await until(
      "one owner",
      () => first.assigned().length + second.assigned().length,
      (count) => count === 1,
    );
    const [owner, left] = first.assigned().length === 1 ? [first, second] : [second, first];
    await owner.stop();
    await until(
      "the partition is back",
      () => left.assigned().length,
      (count) => count === 1,
    );
    await bench.write(topic, 0, 1);
    await until(
      "the record",
      () => left.values.length,
      (count) => count === 1,
    );
    expect(left.values).toEqual([0]);
  });

  test("co-partitioned topics have the same owner for partition n", async () => {
    const [a, b] = [await bench.newTopic(6), await bench.newTopic(6)];
    const options = {
      groupId: a,
      topics: [a, b],
      assignment: "co-partitioned",
      heartbeatIntervalMs: 200,
    } as const;
    const members = [await bench.member(options), await bench.member(options)];
    await until(
      "both have six",
      () => members.map((one) => one.assigned().length),
      (counts) => counts.every((count) => count === 6),
    );
    for (const one of members) {
      const of = (topic: string) =>
        one.consumer
          .assigned()
          .filter((at) => at.topic === topic)
          .map((at) => at.partition);
      expect(of(a)).toEqual(of(b));
    }
  });
});
