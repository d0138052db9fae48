import { expect, test, vi } from "vitest";
import type { Job, JobEnd } from "./job.ts";
import { createRemovals, type StoredFate } from "./removals.ts";
import { removalOf, sampleDelivery, sampleJob } from "./testing/sample-jobs.ts";

const fresh = sampleDelivery(1);
const removal = sampleJob(removalOf(fresh));

/**
 * A removal that meets its `new` in some state, and what became of both. Nothing has an order here.
 * @param open the `new` as the dispatcher holds it.
 * @param stored what Postgres says of it, asked once or twice.
 */
function meet(states: {
  readonly open?: { readonly state: "withdrawn" | "begun"; readonly job: Job };
  readonly stored?: readonly StoredFate[];
  readonly returningAttempts?: number;
}) {
  const log: string[] = [];
  const name = (job: Job) => (job === removal ? "removed" : "new");
  const fates = [...(states.stored ?? ["absent"])];
  let { open } = states;
  const removals = createRemovals({
    store: {
      takeBack: async () => fates.shift() ?? "absent",
      forget: async () => undefined,
    },
    returning: { attemptsOf: () => states.returningAttempts },
    dispatcher: {
      takeBack: () => open ?? { state: "absent" },
      accept: (job) => void log.push(`${name(job)} sent`),
    },
    sequencer: {
      accept: () => undefined,
      withdraw: () => undefined,
      isCurrent: () => false,
      parkBehind: () => undefined,
      locked: (_, work) => work(),
    },
    settlement: {
      async dropped(job) {
        log.push(`${name(job)} dropped`);
        return { kind: "dropped" };
      },
    },
  });
  removals.handle(removal);
  const ends = (end: JobEnd) => {
    const job = open?.job ?? sampleJob(fresh);
    open = undefined;
    removals.ended(job, end);
  };
  /** What became of them, once there are so many words on it. */
  const became = (words: number) =>
    vi.waitFor(() => {
      if (log.length < words) throw new Error(`so far: ${log.join(", ")}`);
      return log;
    });
  return { removals, log, ends, became };
}

test("one that waits in its lane and that nobody can have begun is dropped with its removal", async () => {
  expect(await meet({ open: { state: "withdrawn", job: sampleJob(fresh) } }).became(2)).toEqual([
    "new dropped",
    "removed dropped",
  ]);
});

test("one that waits in its lane after an attempt, or that an earlier owner may have begun, gives way to its removal", async () => {
  const tried = sampleJob({ ...fresh, attemptsMade: 1 });
  expect(await meet({ open: { state: "withdrawn", job: tried } }).became(2)).toEqual([
    "new dropped",
    "removed sent",
  ]);
  const unsure = sampleJob(fresh, { fresh: false });
  expect(await meet({ open: { state: "withdrawn", job: unsure } }).became(2)).toEqual([
    "new dropped",
    "removed sent",
  ]);
});

test("one under way is waited for, however it ends", async () => {
  const begun = { state: "begun", job: sampleJob(fresh) } as const;
  for (const kind of ["delivered", "buried", "dropped"] as const) {
    const { log, ends, became } = meet({ open: begun });
    expect(log).toEqual([]);
    ends({ kind });
    expect(await became(1)).toEqual(["removed sent"]);
  }
  const parked = meet({ open: begun, stored: ["begun"] });
  parked.ends({ kind: "parked", dueAtMs: 0 });
  expect(await parked.became(1)).toEqual(["removed sent"]);
});

test("when the partition goes while it waits, the removal is left to the next owner", async () => {
  const { log, ends } = meet({ open: { state: "begun", job: sampleJob(fresh) } });
  ends({ kind: "withdrawn" });
  await Promise.resolve();
  expect(log).toEqual([]);
});

test("one that waits in Postgres is taken out of it: the removal is sent only if an attempt had begun", async () => {
  expect(await meet({ stored: ["never-begun"] }).became(1)).toEqual(["removed dropped"]);
  expect(await meet({ stored: ["begun"] }).became(1)).toEqual(["removed sent"]);
});

test("one that was sent long ago is followed by its removal", async () => {
  expect(await meet({ stored: ["absent"] }).became(1)).toEqual(["removed sent"]);
});

test("one on its way back from Postgres through the log is dropped when it comes; its removal is sent if it had been tried", async () => {
  const never = meet({ stored: ["absent"], returningAttempts: 0 });
  expect(await never.became(1)).toEqual(["removed dropped"]);
  expect(never.removals.isTakenBack(fresh)).toBe(true);
  const tried = meet({ stored: ["absent"], returningAttempts: 2 });
  expect(await tried.became(1)).toEqual(["removed sent"]);
  expect(tried.removals.isTakenBack(fresh)).toBe(true);
});

test("what was taken back is known after a restart", () => {
  const { removals } = meet({});
  removals.clear();
  removals.restore([fresh.webhookId]);
  expect(removals.isTakenBack(fresh)).toBe(true);
});
