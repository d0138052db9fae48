import { expect, test, vi } from "vitest";
import { blockDelivery } from "./block-payload.ts";
import { createBlocks } from "./blocks.ts";
import type { TakenBack } from "./dispatcher.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Job } from "./job.ts";
import type { Parked } from "./ports.ts";
import { createRemovals, type StoredFate } from "./removals.ts";
import { removalOf, sampleDelivery, sampleEndpoint, sampleJob } from "./testing/sample-jobs.ts";

const blockHash = `0x${"b".repeat(64)}`;
const block = [0, 1, 2].map((logIndex) =>
  sampleDelivery(7, { logIndex, eventId: `1:${blockHash}:${logIndex}`, blockHash }),
);
const ids = block.map(({ webhookId }) => webhookId);
const batch = blockDelivery(block);
const release = { origin: "release" as const };

/**
 * Blocks of one endpoint over a dispatcher and a store that answer as they are told.
 * @param open what the dispatcher has of a webhook.
 * @param stored what Postgres says of each `new`; the last answer is kept.
 */
function createWorld(states: {
  readonly endpoint?: Endpoint | null | undefined;
  readonly open?: (webhookId: string) => TakenBack;
  readonly stored?: readonly StoredFate[];
  readonly current?: boolean;
}) {
  const log: string[] = [];
  const name = ({ delivery }: Job) => `${delivery.kind}${delivery.batch === undefined ? "" : " batch"}`;
  const say = (job: Job, what: string) => void log.push(`${name(job)} ${what}`);
  const fates = [...(states.stored ?? ["absent" as const])];
  const rows: Parked[] = [];
  const again: Job[][] = [];
  const store = {
    takeBack: async () => (fates.length > 1 ? fates.shift() : fates[0]) ?? "absent",
    forget: async () => undefined,
  };
  const dispatcher = {
    takeBack: (id: string) => states.open?.(id) ?? ({ state: "absent" } as const),
    accept: (job: Job) => say(job, "sent"),
  };
  const sequencer = {
    accept: (job: Job) => say(job, "in order"),
    withdraw: () => undefined,
    isCurrent: () => states.current === true,
    parkBehind: () => undefined,
    locked: <R>(_: string, work: () => Promise<R>) => work(),
    recheck: () => undefined,
  };
  const settlement = {
    async dropped(job: Job) {
      say(job, "dropped");
      job.settle();
      return { kind: "dropped" } as const;
    },
    async buried(job: Job, reason: string) {
      say(job, reason);
      job.settle();
      return { kind: "buried" } as const;
    },
  };
  const removals = createRemovals({
    store,
    returning: { attemptsOf: () => undefined },
    dispatcher,
    sequencer,
    settlement,
  });
  const blocks = createBlocks({
    now: () => 0,
    endpoints: { get: () => ("endpoint" in states ? states.endpoint : sampleEndpoint) },
    batches: {
      unbatched: async (all) => new Set(all),
      form: async (row) => void rows.push(row),
    },
    removals,
    dispatcher,
    sequencer,
    settlement,
    again: (jobs) => void again.push([...jobs]),
  });
  const settled = new Set<string>();
  const jobOf = (delivery: Job["delivery"], change: Partial<Job> = {}) =>
    sampleJob(delivery, { settle: () => void settled.add(delivery.webhookId), ...change });
  /** What became of them, once there are so many words on it. */
  const became = (words: number) =>
    vi.waitFor(() => {
      if (log.length < words) throw new Error(`so far: ${log.join(", ")}`);
      return log;
    });
  return { blocks, removals, log, rows, again, settled, jobOf, became };
}

/** The block is removed while its `new` batch is in some state. */
function remove(states: Parameters<typeof createWorld>[0], change: Partial<Job> = {}) {
  const world = createWorld(states);
  world.blocks.close({ jobs: block.map((fresh) => world.jobOf(removalOf(fresh), change)) });
  return world;
}

/** The dispatcher gives the job back once, for whichever of its webhooks it is asked first. */
function once(state: "withdrawn" | "begun", job: Job): (webhookId: string) => TakenBack {
  let given = false;
  return () => {
    if (given && state === "withdrawn") return { state: "absent" };
    given = true;
    return { state, job };
  };
}

test("members of a deleted endpoint are dead letters, so that their partition goes on", async () => {
  const world = createWorld({ endpoint: null });
  world.blocks.close({ jobs: block.map((one) => world.jobOf(one)) });
  expect(await world.became(3)).toEqual(["new gone", "new gone", "new gone"]);
  expect([...world.settled]).toEqual(ids);
});

test("members whose endpoint was forgotten meanwhile come again when it is known", async () => {
  const world = createWorld({ endpoint: undefined });
  world.blocks.close({ jobs: block.map((one) => world.jobOf(one)) });
  const [jobs] = await vi.waitUntil(() => (world.again.length > 0 ? world.again : undefined));
  expect(jobs?.map(({ delivery }) => delivery.webhookId)).toEqual(ids);
  expect(world.log).toEqual([]);
});

test("a batch that came back through the log and waits in its lane is settled, and its removal is sent", async () => {
  const tried = sampleJob({ ...batch, ...release, attemptsMade: 1 });
  expect(await remove({ open: once("withdrawn", tried) }).became(2)).toEqual([
    "new batch dropped",
    "removed batch sent",
  ]);
});

test("a batch that came back and that nobody can have begun takes its removal with it", async () => {
  const world = remove({ open: once("withdrawn", sampleJob({ ...batch, ...release })) });
  expect(await world.became(4)).toEqual(["new batch dropped", ...block.map(() => "removed dropped")]);
  expect(world.settled.size).toBe(3);
});

test("a batch that waits in its lane for the first time goes with its row, and its removal is not sent", async () => {
  // What the store says of a row that may be under way.
  const world = remove({
    open: once("withdrawn", sampleJob(batch, { stored: true })),
    stored: ["begun", "absent"],
  });
  expect(await world.became(3)).toEqual(block.map(() => "removed dropped"));
});

test("a single log that waits since before its endpoint took blocks is settled too", async () => {
  const world = createWorld({ open: once("withdrawn", sampleJob({ ...block[0]!, attemptsMade: 1 })) });
  world.blocks.close({ jobs: [world.jobOf(removalOf(block[0]!))] });
  expect(await world.became(2)).toEqual(["new dropped", "removed batch sent"]);
});

test("a batch on its way through the log is known by its members", async () => {
  const world = remove({ stored: ["absent"] });
  await world.became(1);
  expect(world.removals.isTakenBack({ ...batch, ...release })).toBe(true);
  expect(world.removals.isTakenBack(blockDelivery([sampleDelivery(8)]))).toBe(false);
});

test("behind a POST under way, a removal has a row of its own: its offsets are free, and so are the next blocks", async () => {
  const under = sampleJob(batch, { stored: true });
  const world = remove({
    open: (id) => (ids.includes(id) ? { state: "begun", job: under } : { state: "absent" }),
  });
  world.blocks.close({ jobs: [world.jobOf(sampleDelivery(8))] });
  expect(await world.became(1), "the next block does not wait").toEqual(["new batch sent"]);
  expect(world.settled.size).toBe(4);
  expect(world.rows.map(({ reason, delivery }) => [reason, delivery.kind])).toEqual([
    ["sending", "removed"],
    ["sending", "new"],
  ]);
  world.blocks.ended(under);
  expect(await world.became(2)).toEqual(["new batch sent", "removed batch sent"]);
});

test("a single log under way is waited for as a batch is", async () => {
  const under = sampleJob(block[0]!);
  const world = createWorld({ open: once("begun", under) });
  world.blocks.close({ jobs: [world.jobOf(removalOf(block[0]!))] });
  await vi.waitUntil(() => world.rows.length === 1);
  world.blocks.ended(under);
  expect(await world.became(1)).toEqual(["removed batch sent"]);
});

test("a batch that is just being parked without a POST takes its removal with it", async () => {
  const parking = sampleJob({ ...batch, ...release });
  const stored = [...block.map(() => "absent" as const), "never-begun" as const];
  const world = remove({ open: once("begun", parking), stored });
  await vi.waitUntil(() => world.rows.length === 1);
  world.blocks.ended(parking);
  expect(await world.became(1)).toEqual(["removed batch dropped"]);
});

test("in order, a batch under way goes first by its order alone: its row is left to it", async () => {
  const world = remove({ current: true, stored: ["never-begun"] }, { orderKey: "ep_1" });
  expect(await world.became(1)).toEqual(["removed batch in order"]);
  expect(world.settled.size).toBe(3);
});
