import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type KafkaBench, numbered, range, startKafkaBench } from "../support/kafka-bench.ts";
import { standStill } from "../support/marked-processes.ts";
import { until } from "../support/until.ts";

let bench: KafkaBench;
beforeAll(async () => {
  bench = await startKafkaBench();
});
afterEach(() => bench.afterEach());
afterAll(() => bench?.stop());

test("records that retention deleted before they were read are passed over, and the loss is said", async () => {
  const topic = await bench.newTopic(1);
  await bench.write(topic, 0, 10);
  await bench.admin.setOffsets(topic, topic, [{ partition: 0, offset: 5_000 }]);
  const one = await bench.member({ groupId: topic, topics: [topic] });
  await until(
    "read from the oldest",
    () => one.values.length,
    (count) => count >= 10,
  );
  expect(one.values).toEqual(range(0, 10));
  await until(
    "lag 0",
    () => bench.lag(topic, topic),
    (left) => left === 0,
  );
});

const consumerScript = fileURLToPath(new URL("../support/kit-service.ts", import.meta.url));

function consumerProcess(topic: string) {
  const env = {
    ...process.env,
    KAFKA_BROKERS: bench.brokers.join(),
    KIT_TOPIC: topic,
    KIT_BEHAVIOUR: "consumer",
    HTTP_PORT: "0",
  };
  const child = spawn(process.execPath, [consumerScript], { env, stdio: ["ignore", "pipe", "ignore"] });
  let out = "";
  child.stdout.on("data", (chunk: Buffer) => (out += chunk.toString()));
  bench.cleanup(async () => {
    child.kill("SIGKILL");
  });
  return { child, values: () => [...out.matchAll(/^value (\d+)$/gm)].map(([, value]) => Number(value)) };
}

test("consumers that are killed lose nothing: others take their partitions over after the session timeout", async () => {
  const topic = await bench.newTopic(6);
  const all: { values(): number[] }[] = [];
  const seen = () => new Set(all.flatMap((one) => one.values()));
  let written = 0;
  const [victim, survivor] = [consumerProcess(topic), consumerProcess(topic)];
  all.push(victim, survivor);
  await until(
    "both read",
    async () => {
      await bench.write(topic, written, written + 20);
      written += 20;
      return [victim.values().length, survivor.values().length];
    },
    ([first = 0, second = 0]) => first > 0 && second > 0,
    30_000,
  );
  victim.child.kill("SIGKILL");
  await bench.write(topic, written, written + 500);
  written += 500;
  await until(
    "every value",
    () => seen().size,
    (count) => count === written,
    30_000,
  );
  expect([...seen()].toSorted((a, b) => a - b)).toEqual(range(0, written));
});

test("a broker that stands still is survived: what was sent meanwhile is written once it goes on", async () => {
  const topic = await bench.newTopic(1);
  const producer = bench.kafka.producer({ requestTimeoutMs: 1_000 });
  await producer.start();
  bench.cleanup(() => producer.stop());
  const one = await bench.member({ groupId: topic, topics: [topic] });
  await producer.send(numbered(topic, 0, 10));
  await standStill(bench.pid);
  bench.cleanup(async () => void process.kill(bench.pid, "SIGCONT"));
  const meanwhile = producer.send(numbered(topic, 10, 20));
  await until(
    "the stand-still is noticed",
    () => producer.stalledMs(),
    (ms) => ms > 0,
  );
  process.kill(bench.pid, "SIGCONT");
  await meanwhile;
  await until(
    "all is read",
    () => new Set(one.values).size,
    (count) => count === 20,
    30_000,
  );
  // The producer kept its identity and numbers: the broker dropped what it had.
  expect(one.values).toEqual(range(0, 20));
  // Its new connection learns of a topic that it did not know, and still knows the first one.
  await producer.send(numbered(await bench.newTopic(1), 0, 1));
  await producer.send(numbered(topic, 20, 30));
  expect(one.crashes).toEqual([]);
});
