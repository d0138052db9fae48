import { createLogger } from "@ethhook/kit";
import { beforeEach, expect, test } from "vitest";
import { createKafkaGates, type KafkaGates } from "./kafka-gates.ts";
import type { KafkaLedgers } from "./kafka-ledgers.ts";

const source = { topic: "logs.ethereum", partition: 3 };
const where = { chainId: 1, chain: "ethereum", partition: 3 };

/** What the gates did to their consumer, in order. */
let done: string[];
let passed: number;
let gates: KafkaGates;
/** The lead was asked once more, and what follows from it has happened. */
let asked: () => Promise<void>;

beforeEach(() => {
  done = [];
  passed = 0;
  let answer = Promise.withResolvers<void>();
  gates = createKafkaGates({
    wait: "finalized",
    consumer: {
      pause: () => done.push("pause"),
      resume: () => done.push("resume"),
      seek: (_, offset) => done.push(`seek ${offset}`),
    },
    lead: { follow: async () => new Map(), passed: () => passed, refresh: () => answer.promise },
    ledgers: {} as KafkaLedgers,
    logger: createLogger({ name: "test", level: "silent" }),
  });
  asked = async () => {
    const { resolve } = answer;
    answer = Promise.withResolvers();
    resolve();
    for (let turn = 0; turn < 3; turn += 1) await new Promise((again) => setImmediate(again));
  };
});

test("a record that someone may wait for is fetched once the lead has passed it", async () => {
  gates.of(source, where, () => true).resumeWhenLed(5, () => false);
  passed = 5;
  await asked();
  expect(done).toEqual(["seek 5"]);
  passed = 9;
  await asked();
  expect(done).toEqual(["seek 5", "resume"]);
});

test("what nobody waits for is passed over as far as the lead comes, and fetched again when that comes no further", async () => {
  gates.of(source, where, () => true).resumeWhenLed(5, () => true);
  await asked();
  for (const next of [9, 20]) {
    passed = next;
    await asked();
  }
  expect(done).toEqual(["seek 5", "seek 9", "seek 20"]);
  await asked();
  expect(done.slice(3)).toEqual(["resume"]);
});

test("a filter that comes meanwhile ends the passing over: what is behind is read", async () => {
  let nobodyWaits = true;
  gates.of(source, where, () => true).resumeWhenLed(5, () => nobodyWaits);
  passed = 9;
  await asked();
  nobodyWaits = false;
  passed = 20;
  await asked();
  expect(done).toEqual(["seek 5", "seek 9", "resume"]);
});

test("after a new assignment nothing of the old one is sought or resumed", async () => {
  gates.of(source, where, () => true).resumeWhenLed(5, () => true);
  gates.reset();
  passed = 9;
  await asked();
  expect(done).toEqual(["seek 5"]);
});
