import { expect, test } from "vitest";
import { blockDelivery } from "./block-payload.ts";
import type { Job } from "./job.ts";
import { createRemovals } from "./removals.ts";
import { createRouter } from "./router.ts";
import { sampleDelivery, sampleEndpoint, sampleJob } from "./testing/sample-jobs.ts";

/** A router that remembers these as taken back, and what it did with each job. */
function createWorld(takenBack: readonly string[], settings: Partial<typeof sampleEndpoint.settings> = {}) {
  const log: string[] = [];
  const to = (place: string) => (job: Job) => void log.push(`${job.delivery.origin} ${place}`);
  const dispatcher = { accept: to("sent"), takeBack: () => ({ state: "absent" }) as const };
  const sequencer = {
    accept: to("in order"),
    withdraw: () => undefined,
    isCurrent: () => false,
    parkBehind: () => undefined,
    locked: <R>(_: string, work: () => Promise<R>) => work(),
  };
  const settlement = {
    async dropped(job: Job) {
      to("dropped")(job);
      return { kind: "dropped" } as const;
    },
  };
  const removals = createRemovals({
    store: { takeBack: async () => "absent", forget: async () => undefined },
    returning: { attemptsOf: () => undefined },
    dispatcher,
    sequencer,
    settlement,
  });
  removals.restore(takenBack);
  const route = createRouter({
    endpoints: { get: () => ({ ...sampleEndpoint, settings: { ...sampleEndpoint.settings, ...settings } }) },
    dispatcher,
    sequencer,
    batcher: { add: to("gathered"), withdraw: () => undefined },
    removals,
    settlement,
  });
  return { route, log };
}

const fresh = sampleDelivery(1);
const other = sampleDelivery(2);

test.each([{}, { ordering: "endpoint" }, { batch: "block" }] as const)(
  "what a removal took back is dropped when it is read again after a crash, or comes back: %o",
  (settings) => {
    const { route, log } = createWorld([fresh.webhookId], settings);
    route(sampleJob(fresh, { fresh: false }));
    route(sampleJob({ ...fresh, origin: "release" }));
    route(sampleJob({ ...blockDelivery([other, fresh]), origin: "release" }));
    expect(log).toEqual(["match dropped", "release dropped", "release dropped"]);
  },
);

test("what nobody took back goes its way, and a replay goes beside, whatever was taken back", () => {
  const { route, log } = createWorld([fresh.webhookId], { ordering: "endpoint" });
  route(sampleJob(other));
  route(sampleJob({ ...fresh, origin: "replay" }, { replay: true }));
  expect(log).toEqual(["match in order", "replay sent"]);
});
