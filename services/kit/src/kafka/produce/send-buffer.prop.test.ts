import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { createSendBuffer } from "./send-buffer.ts";

/**
 * A model broker: it takes a batch when its sequence continues the partition's, drops it when it has these numbers, and
 * keeps what it takes. The law: whatever fails, each partition holds the records of successful calls, in the order of the
 * calls net of repeats; without a renewed identity there is no repeat either.
 */
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("send" as const),
      partitions: fc.array(fc.nat(2), { minLength: 1, maxLength: 5 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant("round" as const),
      fates: fc.array(fc.constantFrom("ok", "lost", "unanswered", "too-large"), {
        minLength: 3,
        maxLength: 3,
      }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "renew" as const }) },
);

test.prop([fc.array(step, { maxLength: 60 }), fc.integer({ min: 60, max: 400 })], { numRuns: 400 })(
  "whatever is lost or unanswered, each partition has every call's records once and in order",
  (steps, batchBytesMax) => {
    const buffer = createSendBuffer({ batchBytesMax: () => batchBytesMax, requestBytesMax: 1_000 });
    const logs: number[][] = [[], [], []];
    const expected: number[][] = [[], [], []];
    let held = [0, 0, 0];
    let renewed = false;
    let next = 0;
    let sent = 0;
    let resolved = 0;

    const restart = (): void => {
      buffer.restart();
      held = [0, 0, 0];
      renewed = true;
    };
    const round = (fates: readonly string[]): void => {
      let renew = false;
      for (const batch of buffer.open()) {
        const fate = fates[batch.partition];
        const values = batch.records.map((record) => Number(record.value));
        const log = logs[batch.partition]!;
        if (fate === "too-large" && batch.repeated) renew = true;
        if (fate === "too-large" && buffer.halve(batch)) continue;
        if (fate !== "lost" && fate !== "too-large") {
          if (batch.baseSequence === held[batch.partition]) {
            log.push(...values);
            held[batch.partition]! += values.length;
          } else {
            // Numbers that the broker has: a repeat of exactly the last batch.
            expect(batch.baseSequence + values.length).toBe(held[batch.partition]);
            expect(log.slice(-values.length)).toEqual(values);
          }
        }
        if (fate === "ok") buffer.acknowledge(batch);
      }
      if (renew) restart();
    };

    for (const action of steps) {
      if (action.kind === "send") {
        const records = action.partitions.map((partition) => {
          expected[partition]!.push(next);
          return { topic: "t", key: "k", value: String(next++), partition };
        });
        sent += 1;
        const call = {
          startedAtMs: 0,
          resolve: () => void (resolved += 1),
          reject: (error: Error) => expect.fail(error.message),
        };
        buffer.add(records, (record) => record.partition ?? 0, call);
      } else if (action.kind === "round") round(action.fates);
      else restart();
    }
    for (let rounds = 0; !buffer.isEmpty(); rounds += 1) {
      if (rounds > 1_000) expect.fail("the buffer never empties");
      round(["ok", "ok", "ok"]);
    }
    expect([resolved, buffer.bytes()]).toEqual([sent, 0]);
    for (const [partition, log] of logs.entries()) {
      if (!renewed) expect(log).toEqual(expected[partition]);
      // A repeat repeats a tail: removing what is not new gives the calls' order.
      expect([...new Set(log)]).toEqual(expected[partition]);
    }
  },
);

test("a rejected call is not sent any further, and calls beside it are", () => {
  const buffer = createSendBuffer({ batchBytesMax: () => 80, requestBytesMax: 1_000 });
  const outcomes: string[] = [];
  const call = (name: string) => ({
    startedAtMs: 0,
    resolve: () => void outcomes.push(`${name} ok`),
    reject: () => void outcomes.push(`${name} failed`),
  });
  const record = (value: string) => ({ topic: "t", key: "k", value });
  buffer.add([record("a1"), record("a2"), record("a3")], () => 0, call("a"));
  buffer.add([record("b1")], () => 0, call("b"));
  const [first] = buffer.open();
  expect(first!.records.map(({ value }) => value)).toEqual(["a1", "a2"]);
  buffer.reject(first!, new Error("no"));
  const [second] = buffer.open();
  expect(second!.records.map(({ value }) => value)).toEqual(["b1"]);
  buffer.acknowledge(second!);
  expect([outcomes, buffer.isEmpty(), buffer.bytes()]).toEqual([["a failed", "b ok"], true, 0]);
});

test("calls that are too old are given up, and after a new identity nothing of them is sent", () => {
  const buffer = createSendBuffer({ batchBytesMax: () => 1_000, requestBytesMax: 1_000 });
  const outcomes: string[] = [];
  const call = (name: string, startedAtMs: number) => ({
    startedAtMs,
    resolve: () => void outcomes.push(`${name} ok`),
    reject: () => void outcomes.push(`${name} failed`),
  });
  buffer.add([{ topic: "t", key: "k", value: "old" }], () => 0, call("old", 1));
  buffer.add([{ topic: "t", key: "k", value: "new" }], () => 0, call("new", 10));
  buffer.open();
  expect(buffer.expire(5, new Error("late"))).toBe(1);
  buffer.restart();
  const [batch] = buffer.open();
  expect(batch!.records.map(({ value }) => value)).toEqual(["new"]);
  buffer.acknowledge(batch!);
  expect([outcomes, buffer.bytes()]).toEqual([["old failed", "new ok"], 0]);
});
