import { expect, test } from "vitest";
import { createReturning } from "./returning.ts";
import { sampleDelivery, sampleJob } from "./testing/sample-jobs.ts";

const one = sampleDelivery(1, { origin: "release", attemptsMade: 2 });
const replay = { ...one, origin: "replay" as const, attemptsMade: 5 };

test("what is on its way is counted until it arrives, a replay beside the webhook itself", async () => {
  const returning = createReturning(async () => undefined);
  await returning.publish([one, replay]);
  expect([returning.countOf("ep_1"), returning.attemptsOf(one.webhookId)]).toEqual([2, 2]);
  returning.arrived(sampleJob(replay, { replay: true }));
  expect([returning.countOf("ep_1"), returning.attemptsOf(one.webhookId)]).toEqual([1, 2]);
  returning.arrived(sampleJob(one));
  returning.arrived(sampleJob(one));
  expect([returning.countOf("ep_1"), returning.attemptsOf(one.webhookId)]).toEqual([0, undefined]);
});

test("what the log did not take is not on its way, and what is released twice is counted once", async () => {
  let refuses = false;
  const returning = createReturning(async () => {
    if (refuses) throw new Error("no broker");
  });
  await returning.publish([one]);
  await returning.publish([one]);
  expect(returning.countOf("ep_1")).toBe(1);
  refuses = true;
  await expect(returning.publish([one])).rejects.toThrow("no broker");
  expect(returning.countOf("ep_1")).toBe(0);
});
