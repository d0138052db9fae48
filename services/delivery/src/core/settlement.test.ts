import type { Attempt } from "@ethhook/schemas";
import { expect, test } from "vitest";
import { createSettlement } from "./settlement.ts";
import { sampleDelivery, sampleJob } from "./testing/sample-jobs.ts";

const attempt = { attempt: 1, outcome: "delivered", totalMs: 1, e2eMs: 1 } as Attempt;

test("the record of a POST is urgent when the next in its order waits for it, and settles its job once it is written", async () => {
  const written: boolean[] = [];
  const settled: string[] = [];
  const nothing = (): void => undefined;
  const settlement = createSettlement({
    now: () => 0,
    attempts: { append: async (_, urgent) => void written.push(urgent) },
    parking: { park: async () => undefined, remove: async () => undefined },
    deadLetters: { bury: async () => undefined },
    observer: { attempted: nothing, parked: nothing, dropped: nothing, buried: nothing },
    notices: { tell: nothing },
    rowsOf: () => 0,
    rowsPerEndpointMax: 10,
  });
  for (const orderKey of ["", "ep_1"]) {
    const job = sampleJob(sampleDelivery(1), { orderKey, settle: () => void settled.push(orderKey) });
    await settlement.delivered(job, attempt);
  }
  expect(written).toEqual([false, true]);
  expect(settled).toEqual(["", "ep_1"]);
});
