import { expect, test } from "vitest";
import { createLanes, laneLimitsDefault, type Admission, type LaneItem, type Run } from "./lanes.ts";
import { createTokenBucket, fillBucket, takeToken, type TokenBucket } from "./token-bucket.ts";

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
  const rates = new Map<string, { readonly perSecond: number; readonly bucket: TokenBucket }>();
  let youngPeak = 0;

  function admit(key: string): Admission {
    const rate = rates.get(key);
    if (rate !== undefined) return takeToken(rate.bucket, rate.perSecond, nowMs) ? "go" : "hold";
    return admissions.get(key) ?? "go";
  }

  const lanes = createLanes<Item>(
    { ...laneLimitsDefault, ...limits },
    {
      now: () => nowMs,
      capMax: () => 10,
      allowance(key, withinMs) {
        const rate = rates.get(key);
        if (rate === undefined) return Infinity;
        return fillBucket(rate.bucket, rate.perSecond, nowMs) + (withinMs * rate.perSecond) / 1_000;
      },
      admit,
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
    limit: (key: string, perSecond: number) =>
      rates.set(key, { perSecond, bucket: createTokenBucket(perSecond, nowMs) }),
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

test("an endpoint that takes 800 ms has room for one whenever it is idle, and for none while it is not", () => {
  const world = createWorld(() => 800);
  const rooms: number[] = [];
  world.run(60_000, (nowMs) => {
    if (nowMs % 2_000 === 0) world.offer("slow");
    // From when its pace is known.
    if (nowMs > 40_000 && nowMs % 100 === 50) rooms.push(world.lanes.room("slow"));
  });
  expect(Math.max(...rooms)).toBe(1);
  expect(rooms.filter((room) => room === 1).length / rooms.length).toBeCloseTo(0.6, 1);
});

test("what an 800 ms endpoint could not take at once comes back to it as fast as it answers, beside live events", () => {
  const world = createWorld(() => 800);
  let parked = 40;
  world.run(50_000, (nowMs) => {
    if (nowMs % 10_000 === 0) world.offer("slow");
    if (parked === 0 || nowMs % 100 !== 0 || world.lanes.room("slow") <= 0) return;
    parked -= 1;
    world.offer("slow");
  });
  expect(parked).toBe(0);
  expect(world.begun).toHaveLength(45);
});

test("an endpoint at its rate keeps a second's worth waiting; what it cannot take by then is refused at once", () => {
  const world = createWorld(() => 5);
  world.limit("limited", 10);
  let queuedPeak = 0;
  world.run(60_000, (nowMs) => {
    if (nowMs % 10 === 0) world.offer("limited");
    queuedPeak = Math.max(queuedPeak, world.lanes.stats.queued);
  });
  expect(world.begun.length).toBeGreaterThanOrEqual(605);
  expect(world.begun.length).toBeLessThanOrEqual(611);
  expect(queuedPeak).toBeLessThanOrEqual(11);
  expect(world.refused.length).toBe(6_000 - world.begun.length - world.lanes.stats.queued);
  expect(Math.max(...world.refused.map(({ item, atMs }) => atMs - item.takenAtMs))).toBe(0);
  expect(Math.max(...waitsOf(world, () => true))).toBeLessThanOrEqual(1_100);
});

test("replays that an endpoint's rate leaves no place for do not wait behind its live events for ever", () => {
  const world = createWorld(() => 5);
  world.limit("limited", 10);
  world.run(20_000, (nowMs) => {
    if (nowMs % 50 === 0) world.offer("limited");
    if (nowMs < 1_000 && nowMs % 50 === 0) world.offer("limited", true);
  });
  const waits = world.refused
    .filter(({ item }) => item.replay)
    .map(({ item, atMs }) => atMs - item.takenAtMs);
  expect(waits.length).toBeGreaterThan(0);
  expect(Math.max(...waits)).toBeLessThanOrEqual(laneLimitsDefault.overdueMs + 100);
  expect(world.lanes.stats.queued).toBeLessThanOrEqual(10);
});

test("the room of an endpoint with a rate is what it lets through in a second, less what waits", () => {
  const world = createWorld(() => 5);
  world.limit("limited", 10);
  expect(world.lanes.room("limited")).toBe(16);
  for (let n = 0; n < 14; n += 1) world.offer("limited");
  world.run(40);
  expect(world.lanes.stats.queued).toBe(4);
  expect(world.lanes.room("limited")).toBe(6);
  world.limit("seldom", 0.1);
  expect(world.lanes.room("seldom")).toBe(1);
  world.offer("seldom");
  expect(world.lanes.room("seldom")).toBe(0);
  world.run(9_100);
  expect(world.lanes.room("seldom")).toBe(1);
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
