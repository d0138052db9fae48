import { expect, test } from "vitest";
import { createLanes, laneLimitsDefault, type Admission, type LaneItem, type Run } from "./lanes.ts";

interface Item extends LaneItem {
  readonly key: string;
}

/** A world with a clock of its own: exchanges end after what their endpoint takes. */
function createWorld(takesMs: (key: string, nowMs: number) => number, limits = {}) {
  let nowMs = 0;
  const ending: { readonly atMs: number; readonly run: Run<Item> }[] = [];
  const begun: { readonly item: Item; readonly atMs: number }[] = [];
  const refused: { readonly item: Item; readonly why: string; readonly atMs: number }[] = [];
  const admissions = new Map<string, Admission>();
  let youngPeak = 0;
  const lanes = createLanes<Item>(
    { ...laneLimitsDefault, ...limits },
    {
      now: () => nowMs,
      capMax: () => 10,
      admit: (key) => admissions.get(key) ?? "go",
      begin(item, run) {
        begun.push({ item, atMs: nowMs });
        ending.push({ atMs: nowMs + takesMs(item.key, nowMs), run });
        youngPeak = Math.max(youngPeak, lanes.stats.young);
      },
      defer: (run) => run(),
      refuse: (item, why) => void refused.push({ item, why, atMs: nowMs }),
    },
  );
  return {
    lanes,
    begun,
    refused,
    admissions,
    youngPeak: () => youngPeak,
    offer: (key: string, replay = false) =>
      lanes.enqueue(key, { key, replay, takenAtMs: nowMs, bytes: 1_000 }),
    /** Lets time pass in steps of a millisecond; `each` runs at every one. */
    run(forMs: number, each: (nowMs: number) => void = () => undefined) {
      for (const end = nowMs + forMs; nowMs < end; nowMs += 1) {
        for (const done of ending.splice(0, ending.length)) {
          if (done.atMs <= nowMs) lanes.end(done.run, true);
          else ending.push(done);
        }
        if (nowMs % 50 === 0) lanes.tick();
        each(nowMs);
      }
    },
    now: () => nowMs,
  };
}

function waitsOf(world: ReturnType<typeof createWorld>, isOfInterest: (key: string) => boolean): number[] {
  return world.begun
    .filter(({ item }) => isOfInterest(item.key))
    .map(({ item, atMs }) => atMs - item.takenAtMs)
    .toSorted((a, b) => a - b);
}
const p99 = (values: readonly number[]): number => values[Math.floor(values.length * 0.99)] ?? Number.NaN;

test("of twenty endpoints ten hang at once, at a rate that fills any shared pool: the others do not wait", () => {
  const hangs = (key: string, nowMs: number) => Number(key) < 10 && nowMs > 2_000;
  const world = createWorld((key, nowMs) => (hangs(key, nowMs) ? 30_000 : 5));
  world.run(20_000, (nowMs) => {
    if (nowMs % 2 === 0)
      for (let key = 0; key < 20; key += 1) if ((nowMs / 2 + key) % 5 === 0) world.offer(String(key));
  });
  const others = waitsOf(world, (key) => Number(key) >= 10);
  expect(others.length).toBeGreaterThan(19_000);
  expect(p99(others)).toBeLessThanOrEqual(1);
  expect(others.at(-1)).toBeLessThanOrEqual(20);
  expect(world.youngPeak()).toBeLessThanOrEqual(50);
});

test("a hanging endpoint's queue is refused within the budget, and one exchange at a time goes on", () => {
  const world = createWorld(() => 30_000);
  world.run(10_000, (nowMs) => {
    if (nowMs % 10 === 0) world.offer("hangs");
  });
  expect(world.begun.length).toBeLessThanOrEqual(10);
  expect(world.lanes.stats.queued).toBeLessThan(40);
  const longest = Math.max(...world.refused.map(({ item, atMs }) => atMs - item.takenAtMs));
  expect(longest).toBeLessThanOrEqual(laneLimitsDefault.overdueMs + 100);
  expect(world.lanes.room("hangs")).toBe(0);
});

test("nothing of a healthy endpoint is refused, however large a burst, while the process itself is the limit", () => {
  const world = createWorld(() => 2, { youngMax: 5 });
  for (let n = 0; n < 5_000; n += 1) for (const key of ["a", "b"]) world.offer(key);
  world.run(6_000);
  expect(world.refused).toEqual([]);
  expect(world.begun.length).toBe(10_000);
});

test("an endpoint that is slower than its traffic is refused what it cannot take in time", () => {
  const world = createWorld(() => 100);
  world.run(10_000, () => world.offer("slow"));
  const served = waitsOf(world, () => true);
  // Ten at a time, 100 ms each: a hundred a second.
  expect(served.length).toBeGreaterThan(850);
  expect(p99(served)).toBeLessThanOrEqual(2_000);
  expect(world.refused.length + world.begun.length + world.lanes.stats.queued).toBe(10_000);
});

test("lanes take turns: a lane with a long queue does not delay one with a single item", () => {
  const world = createWorld(() => 10, { youngMax: 2 });
  for (let n = 0; n < 100; n += 1) world.offer("long");
  world.offer("short");
  world.run(20);
  expect(waitsOf(world, (key) => key === "short")).toHaveLength(1);
});

test("a lane keeps the order of its items, and begins replays only when nothing live waits", () => {
  const world = createWorld(() => 10, { youngMax: 1 });
  const order: string[] = [];
  world.offer("first");
  world.offer("e", true);
  world.offer("e");
  world.offer("e");
  world.run(100);
  for (const { item } of world.begun.filter(({ item: { key } }) => key === "e"))
    order.push(String(item.replay));
  expect(order).toEqual(["false", "false", "true"]);
});

test("a held lane is asked again at each tick, and a refusing gate turns away what waits", () => {
  const world = createWorld(() => 1);
  world.admissions.set("limited", "hold");
  world.offer("limited");
  world.run(100);
  expect(world.begun).toHaveLength(0);
  world.admissions.set("limited", "go");
  world.run(51);
  expect(world.begun).toHaveLength(1);
  world.admissions.set("limited", "refuse");
  world.offer("limited");
  expect(world.refused.map(({ why }) => why)).toEqual(["gate"]);
});

test("an endpoint that answers promptly again earns its concurrency back", () => {
  const world = createWorld((_, nowMs) => (nowMs < 1_000 ? 700 : 50));
  let concurrent = 0;
  let slow = 0;
  world.run(6_000, (nowMs) => {
    if (nowMs % 10 === 0) world.offer("e");
    if (nowMs > 5_000) concurrent = Math.max(concurrent, world.lanes.stats.young);
    slow = Math.max(slow, world.lanes.stats.slow);
  });
  expect(slow).toBeGreaterThan(0);
  expect(concurrent).toBeGreaterThanOrEqual(5);
  expect(world.lanes.stats.slow).toBe(0);
});

test("withdrawn items come back in order and closed lanes begin nothing", () => {
  const world = createWorld(() => 1_000);
  world.lanes.close();
  for (let n = 0; n < 3; n += 1) world.offer("e");
  world.run(100);
  expect(world.begun).toHaveLength(0);
  expect(world.lanes.withdraw(() => true)).toHaveLength(3);
  expect(world.lanes.stats).toMatchObject({ queued: 0, queuedBytes: 0 });
  world.offer("e");
  world.lanes.open();
  expect(world.begun).toHaveLength(1);
});
