import { createLogger } from "@ethhook/kit";
import { expect, test } from "vitest";
import { createReleasePlan } from "./core/release-plan.ts";
import { createReleaseLoop } from "./release-loop.ts";

test("after changes may have been missed, each endpoint with something parked is looked at anew, once the store answers", async () => {
  const heard = Promise.withResolvers<string>();
  let asked = 0;
  let nowMs = 0;
  const loop = createReleaseLoop({
    plan: createReleasePlan(),
    release: {
      hasten: async () => undefined,
      async backlogs() {
        asked += 1;
        // The first answer is that of the assignment.
        if (asked === 2) throw new Error("the store does not answer");
        return [
          { endpointId: "ep_1", rows: 1, nextDueMs: Number.POSITIVE_INFINITY, byReason: { ordered: 1 } },
        ];
      },
      release: async () => [],
    },
    publish: async () => undefined,
    room: () => 0,
    load: async () => undefined,
    mayHaveChanged: heard.resolve,
    observer: { released: () => undefined },
    // Each look at the clock is later than the next refresh.
    now: () => (nowMs += 20_000),
    logger: createLogger({ name: "test", level: "silent" }),
  });
  await loop.assigned([0]);
  loop.refresh();
  loop.start();
  expect([await heard.promise, asked]).toEqual(["ep_1", 3]);
  await loop.stop();
});
