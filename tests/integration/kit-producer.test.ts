import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startKafka } from "@ethhook/infra";
import { createKafka, type InRecord, type KafkaClient, partitionOf } from "@ethhook/kit";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import {
  type KafkaBench,
  numbered,
  range,
  startKafkaBench,
  startMember,
  testLogger,
} from "../support/kafka-bench.ts";
import { until } from "../support/until.ts";

let bench: KafkaBench;
beforeAll(async () => {
  bench = await startKafkaBench();
});
afterEach(() => bench.afterEach());
afterAll(() => bench?.stop());

async function readAll(kafka: KafkaClient, topic: string, partitions: number): Promise<InRecord[]> {
  const reader = kafka.reader();
  const all: InRecord[] = [];
  try {
    for (const partition of range(0, partitions)) {
      for await (const some of reader.read({ topic, partition })) all.push(...some);
    }
    return all;
  } finally {
    await reader.close();
  }
}

async function started(kafka: KafkaClient, options?: Parameters<KafkaClient["producer"]>[0]) {
  const producer = kafka.producer(options);
  await producer.start();
  bench.cleanup(() => producer.stop());
  return producer;
}

test("each partition holds the records of concurrent sends in the order of the calls", async () => {
  const topic = await bench.newTopic(3);
  const producer = await started(bench.kafka);
  await Promise.all(range(0, 500).map((value) => producer.send(numbered(topic, value, value + 1))));
  const records = await readAll(bench.kafka, topic, 3);
  expect(records).toHaveLength(500);
  for (const partition of range(0, 3)) {
    const values = records
      .filter((record) => record.partition === partition)
      .map((record) => Number(record.value));
    expect(values).toEqual(values.toSorted((a, b) => a - b));
  }
});

test("a key's partition is the one that every Java-compatible client chooses", async () => {
  const topic = await bench.newTopic(7);
  const producer = await started(bench.kafka);
  await producer.send(numbered(topic, 0, 100));
  for (const record of await readAll(bench.kafka, topic, 7))
    expect(record.partition).toBe(partitionOf(record.key!, 7));
});

test("keys, values, headers and explicit partitions arrive as they were sent", async () => {
  const topic = await bench.newTopic(4);
  const producer = await started(bench.kafka);
  const value = Buffer.from([0, 255, 1, 128]);
  await producer.send([
    { topic, key: "schlüssel", value, partition: 3, headers: { "x-a": "1", "x-b": "zwei ✓" } },
    { topic, key: "", value: "", partition: 3 },
  ]);
  const [first, second] = await readAll(bench.kafka, topic, 4);
  expect(first).toMatchObject({ key: "schlüssel", partition: 3, headers: { "x-a": "1", "x-b": "zwei ✓" } });
  expect(first!.value!.equals(value)).toBe(true);
  expect(second).toMatchObject({ key: "", headers: {} });
  expect(Math.abs(first!.timestampMs - Date.now())).toBeLessThan(60_000);
});

test.each(["none", "gzip", "zstd"] as const)("a topic written with %s is read again", async (compression) => {
  const topic = await bench.newTopic(1);
  const writes = () => ({ compression, messageBytesMax: 1_048_576 });
  const kafka = createKafka({ brokers: bench.brokers, clientId: "test", logger: testLogger, writes });
  const producer = await started(kafka);
  await producer.send(numbered(topic, 0, 1_000));
  expect((await readAll(kafka, topic, 1)).map((record) => Number(record.value))).toEqual(range(0, 1_000));
});

test("more than a request may hold is cut by bytes, and one call stays one promise", async () => {
  const topic = await bench.newTopic(1, { "max.message.bytes": "20000" });
  const writes = () => ({ compression: "none", messageBytesMax: 20_000 }) as const;
  const kafka = createKafka({ brokers: bench.brokers, clientId: "test", logger: testLogger, writes });
  const producer = await started(kafka);
  const value = "x".repeat(1_500);
  await producer.send(range(0, 100).map((index) => ({ topic, key: `k${index}`, value })));
  expect((await readAll(kafka, topic, 1)).map((record) => record.key)).toEqual(
    range(0, 100).map((index) => `k${index}`),
  );
});

test("a record that is too large for its topic is refused alone: calls beside it succeed", async () => {
  const topic = await bench.newTopic(1, { "max.message.bytes": "20000" });
  const producer = await started(bench.kafka);
  const small = producer.send(numbered(topic, 0, 3));
  const large = producer.send([{ topic, key: "large", value: "x".repeat(50_000) }]);
  const after = producer.send(numbered(topic, 3, 6));
  await expect(large).rejects.toMatchObject({ code: "RECORD_TOO_LARGE", disposition: "dead-letter" });
  await Promise.all([small, after]);
  const values = (await readAll(bench.kafka, topic, 1)).map((record) => Number(record.value));
  expect([...new Set(values)]).toEqual(range(0, 6));
});

test("a topic that does not exist refuses its call, and others go on", async () => {
  const topic = await bench.newTopic(1);
  const producer = await started(bench.kafka);
  const wrong = producer.send([{ topic: `${topic}.missing`, key: "k", value: "v" }]);
  const right = producer.send(numbered(topic, 0, 3));
  await expect(wrong).rejects.toMatchObject({ code: "BROKER_REFUSED" });
  await right;
  expect(await readAll(bench.kafka, topic, 1)).not.toHaveLength(0);
});

test("a stopped producer has written what was sent before, and refuses what comes after", async () => {
  const topic = await bench.newTopic(1);
  const producer = await started(bench.kafka);
  const before = producer.send(numbered(topic, 0, 100));
  await producer.stop();
  await before;
  await expect(producer.send(numbered(topic, 100, 101))).rejects.toMatchObject({ code: "PRODUCER_STOPPED" });
  expect(await readAll(bench.kafka, topic, 1)).toHaveLength(100);
});

test("room waits while too much is buffered, and beyond the hard limit a send is refused", async () => {
  const topic = await bench.newTopic(1);
  const producer = await started(bench.kafka, { roomBytes: 10_000, bufferBytesMax: 30_000 });
  const value = "x".repeat(1_000);
  const sends = range(0, 40).map((index) => producer.send([{ topic, key: `k${index}`, value }]));
  const outcomes = Promise.allSettled(sends);
  let admitted = false;
  const room = producer.room().then(() => {
    admitted = true;
  });
  await Promise.resolve();
  expect(admitted).toBe(false);
  await room;
  const refused = (await outcomes).filter((outcome) => outcome.status === "rejected");
  expect(refused.length).toBeGreaterThan(5);
  expect(refused[0]).toMatchObject({ reason: { code: "PRODUCER_OVERLOADED" } });
});

test("no broker at all is said in a sentence", async () => {
  const kafka = createKafka({ brokers: ["127.0.0.1:1"], clientId: "test", logger: testLogger });
  const producer = kafka.producer();
  await expect(producer.start()).rejects.toMatchObject({
    code: "BROKER_UNREACHABLE",
    message: expect.stringContaining("127.0.0.1:1"),
  });
  await producer.stop();
});

test("what was sent before, while and after a broker is restarted arrives, and the order within a key is kept net of repeats", async () => {
  const dataDir = mkdtempSync(join(tmpdir(), "ethhook-restart-"));
  bench.cleanup(async () => rmSync(dataDir, { recursive: true, force: true }));
  const first = await startKafka({ dataDir });
  const kafka = createKafka({ brokers: first.brokers, clientId: "test", logger: testLogger });
  const admin = kafka.admin();
  await admin.createTopics([{ name: "t", partitions: 2, replicationFactor: 1, configs: {} }]);
  await admin.close();
  const producer = kafka.producer({ requestTimeoutMs: 2_000 });
  await producer.start();
  await producer.send(numbered("t", 0, 10));
  const reader = await startMember(kafka, { groupId: "g", topics: ["t"] }, (batch) => batch.settleAll());
  bench.cleanup(() => reader.stop());
  await until(
    "the first ten are read",
    () => reader.values.length,
    (count) => count === 10,
  );
  await first.stop();
  const whileDown = producer.send(numbered("t", 10, 20));
  await until(
    "the failure is noticed",
    () => producer.stalledMs(),
    (ms) => ms > 0,
  );
  const second = await startKafka({ dataDir, port: first.port });
  bench.cleanup(() => second.stop());
  await whileDown;
  await producer.send(numbered("t", 20, 30));
  expect(producer.stalledMs()).toBe(0);
  await producer.stop();
  const values = (await readAll(kafka, "t", 2)).map((record) => Number(record.value));
  expect([...new Set(values)].toSorted((a, b) => a - b)).toEqual(range(0, 30));
  await until(
    "the consumer has them too",
    () => new Set(reader.values).size,
    (count) => count === 30,
    40_000,
  );
  expect(reader.crashes).toEqual([]);
});
