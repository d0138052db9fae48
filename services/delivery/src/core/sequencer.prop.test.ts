import { fc, test } from "@fast-check/vitest";
import type { Delivery } from "@ethhook/schemas";
import { expect } from "vitest";
import type { Job, JobEnd } from "./job.ts";
import { createSequencer } from "./sequencer.ts";

interface Row {
  readonly n: number;
  readonly dueAtMs: number;
}

/** Jobs 0, 1, 2 … of one key through a world that fails, is slow, and forgets everything but its rows and its unsettled jobs. */
function createWorld(failures: readonly number[]) {
  let nowMs = 0;
  let life = 0;
  const rows = new Map<number, Row>();
  const settled = new Set<number>();
  const numbers = new Map<string, number>();
  const done: number[] = [];
  const posts: number[] = [];
  const failsLeft = new Map<number, number>();
  for (const n of failures) failsLeft.set(n, (failsLeft.get(n) ?? 0) + 1);
  let sending: { readonly job: Job; readonly life: number } | undefined;
  let peak = 0;
  /** What is still to be read, again or for the first time, and whether it was settled when the process died. */
  let unread: { readonly n: number; readonly isSettled: boolean }[] = [];
  /** Read, and on the way to the sequencer: an endpoint is being looked up, a block gathered. */
  let coming: number[] = [];
  /** What Postgres has not taken yet, in order; lost with the process. */
  let writes: (() => void)[] = [];

  const jobOf = (n: number, stored: boolean): Job => ({
    delivery: { webhookId: `msg_${n}`, endpointId: "ep_1" } as Delivery,
    replay: false,
    partition: 0,
    offset: n,
    bytes: 1,
    takenAtMs: nowMs,
    fresh: false,
    stored,
    orderKey: "ep_1",
    settle: () => void settled.add(n),
    isCurrent: () => true,
  });
  const numberOf = (job: Job) => job.offset;
  const sequencer = createSequencer({
    now: () => nowMs,
    store: {
      async number(_, webhookId) {
        if (!numbers.has(webhookId)) numbers.set(webhookId, numbers.size + 1);
        return { sequence: numbers.get(webhookId) ?? 0, previousWebhookId: null };
      },
      waiting: async (_, limit) =>
        [...rows.values()]
          .toSorted((a, b) => a.n - b.n)
          .slice(0, limit)
          .map((row) => ({ job: jobOf(row.n, true), dueAtMs: row.dueAtMs })),
    },
    send(job) {
      peak = Math.max(peak, sending === undefined || sending.life !== life ? 1 : 2);
      sending = { job, life };
    },
    park: (job) =>
      new Promise((resolve) => {
        const dueAtMs = nowMs;
        writes.push(() => {
          rows.set(numberOf(job), { n: numberOf(job), dueAtMs });
          job.settle();
          resolve({ kind: "parked", dueAtMs });
        });
      }),
    hasRoom: () => true,
    comingFrom: () => Math.min(...coming),
    onError: () => undefined,
  });
  const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

  /** The POST under way ends. */
  function finish(): void {
    if (sending === undefined) return;
    const { job, life: itsLife } = sending;
    const n = numberOf(job);
    sending = undefined;
    posts.push(n);
    const left = failsLeft.get(n) ?? 0;
    let end: JobEnd = { kind: "delivered" };
    if (left > 0) {
      failsLeft.set(n, left - 1);
      const dueAtMs = nowMs + 500;
      end = { kind: "parked", dueAtMs };
      writes.push(() => {
        rows.set(n, { n, dueAtMs });
        job.settle();
        if (itsLife === life) sequencer.ended(job, end);
      });
      return;
    }
    done.push(n);
    job.settle();
    writes.push(() => void rows.delete(n));
    if (itsLife === life) sequencer.ended(job, end);
  }

  return {
    sequencer,
    rows,
    settled,
    numbers,
    done,
    posts,
    jobOf,
    finish,
    write() {
      for (const write of writes.splice(0, 2)) write();
    },
    turn,
    peak: () => peak,
    pass: (ms: number) => (nowMs += ms),
    tick: () => sequencer.tick(),
    /** The topic has so many records: one more, or what is to be read again before it. */
    arrive(arrived: number) {
      unread.push({ n: arrived, isSettled: false });
    },
    /** One record is handed over. */
    readOne() {
      const next = unread.shift();
      if (next === undefined) return;
      if (!next.isSettled) coming.push(next.n);
      sequencer.read(0, next.n + 1);
    },
    /** What was read comes to the sequencer. */
    come() {
      for (const n of coming.splice(0)) sequencer.accept(jobOf(n, false));
    },
    /**
     * The process dies, or loses the partition; its successor knows the rows and reads again from the first record that
     * was not settled, one after the other.
     */
    restart(arrived: number) {
      life += 1;
      writes = [];
      coming = [];
      let committed = 0;
      while (committed < arrived && settled.has(committed)) committed += 1;
      unread = Array.from({ length: arrived - committed }, (_, index) => committed + index).map((n) => ({
        n,
        isSettled: settled.has(n),
      }));
      sequencer.clear();
      const heads = rows.size > 0 ? [{ orderKey: "ep_1", endpointId: "ep_1", dueAtMs: 0 }] : [];
      sequencer.restore(heads, new Map([[0, committed]]));
    },
  };
}

const step = fc.oneof(
  { weight: 6, arbitrary: fc.constant("arrive" as const) },
  { weight: 7, arbitrary: fc.constant("read" as const) },
  { weight: 7, arbitrary: fc.constant("come" as const) },
  { weight: 8, arbitrary: fc.constant("finish" as const) },
  { weight: 3, arbitrary: fc.constant("pass" as const) },
  { weight: 4, arbitrary: fc.constant("write" as const) },
  { weight: 1, arbitrary: fc.constant("restart" as const) },
);

test.prop(
  [fc.array(step, { maxLength: 150, size: "max" }), fc.array(fc.nat(6), { maxLength: 8 }), fc.boolean()],
  {
    numRuns: 5_000,
  },
)(
  "whatever fails or restarts, first arrivals are in order, nothing is lost, and one is under way at a time",
  async (anySteps, failures, restarts) => {
    const steps = anySteps.filter((what) => restarts || what !== "restart");
    const world = createWorld(failures);
    world.sequencer.restore([], new Map([[0, 0]]));
    let arrived = 0;
    for (const what of steps) {
      if (what === "arrive") world.arrive(arrived++);
      else if (what === "read") world.readOne();
      else if (what === "come") world.come();
      else if (what === "finish") world.finish();
      else if (what === "pass") world.pass(600);
      else if (what === "write") world.write();
      else world.restart(arrived);
      world.tick();
      await world.turn();
    }
    for (
      let round = 0;
      round < 400 && (new Set(world.done).size < arrived || world.rows.size > 0);
      round += 1
    ) {
      world.readOne();
      world.come();
      world.finish();
      world.write();
      world.pass(100);
      world.tick();
      await world.turn();
    }
    for (let round = 0; round < 200; round += 1) world.write();
    const firsts = [...new Set(world.done)];
    expect(firsts).toEqual(Array.from({ length: arrived }, (_, n) => n));
    // Only a restart repeats anything.
    expect(world.done.length).toBe(
      steps.includes("restart") ? Math.max(arrived, world.done.length) : arrived,
    );
    expect(world.peak()).toBeLessThanOrEqual(1);
    expect(world.rows.size).toBe(0);
    // Numbers follow the order of the first POSTs, which is the order of the events.
    expect([...world.numbers.keys()]).toEqual(firsts.map((n) => `msg_${n}`));
  },
);

test("what waits with a place that the topic does not have any more, because it was made anew, goes out", async () => {
  const world = createWorld([]);
  world.rows.set(7, { n: 7, dueAtMs: 0 });
  const heads = [{ orderKey: "ep_1", endpointId: "ep_1", dueAtMs: 0 }];
  world.sequencer.restore(heads, new Map([[0, 0]]));
  const settle = async () => {
    for (let round = 0; round < 5; round += 1) {
      world.tick();
      await world.turn();
    }
    world.finish();
  };
  await settle();
  expect(world.posts, "not known to be anew: what is before it may still come").toEqual([]);
  world.sequencer.clear();
  world.sequencer.restore(heads, new Map([[0, 0]]), new Map([[0, 3]]));
  await settle();
  expect(world.posts).toEqual([7]);
});
