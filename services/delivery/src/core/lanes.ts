import { createLane, effectiveCap, expectedWaitMs, queued, recordEnd, type Lane } from "./lane.ts";

/** What a lane carries. */
export interface LaneItem {
  /** Unix ms, when it was taken over. */
  readonly takenAtMs: number;
  readonly replay: boolean;
  /** What it holds of memory, for the gauge and the limit of what waits. */
  readonly bytes: number;
}

/** Limits of the lanes of one process. All named, all bounded. */
export interface LaneLimits {
  /** Exchanges younger than `slowAfterMs` at the same time. */
  readonly youngMax: number;
  readonly slowAfterMs: number;
  /** Older exchanges at the same time; while it is full, old ones go on counting as young. */
  readonly slowMax: number;
  /** Concurrency that a lane starts with, before any answer. */
  readonly capStart: number;
  /** An item whose lane would make it wait longer is refused at once. */
  readonly waitBudgetMs: number;
  /** An item that has waited longer for its own lane is refused. */
  readonly overdueMs: number;
}

export const laneLimitsDefault: LaneLimits = {
  youngMax: 50,
  slowAfterMs: 500,
  slowMax: 2_000,
  capStart: 4,
  waitBudgetMs: 1_000,
  overdueMs: 5_000,
};

/** May a lane begin its next item? `hold`: ask again at the next tick. `refuse`: it must not wait here. */
export type Admission = "go" | "hold" | "refuse";

export interface LaneHooks<T extends LaneItem> {
  readonly now: () => number;
  /** The endpoint's own concurrency. */
  capMax(key: string): number;
  /** How many more its rate lets begin within so many ms, not rounded; Infinity without a rate. */
  allowance(key: string, withinMs: number): number;
  /** Asked immediately before `begin`; a token that it takes is used if it answers `go`. */
  admit(key: string): Admission;
  /** Starts the exchange; its owner calls `end` with the same run once, later than this call. */
  begin(item: T, run: Run<T>): void;
  /**
   * Runs it in a later turn of the event loop. After an answer the connection is free only then: what begins at once would open
   * another one.
   */
  defer(run: () => void): void;
  /** The lane cannot take the item in time, or `admit` refused it. */
  refuse(item: T, why: "busy" | "gate"): void;
}

/** One exchange under way. */
export interface Run<T extends LaneItem> {
  readonly item: T;
  readonly lane: Lane<T>;
  readonly startedAtMs: number;
  slow: boolean;
}

export interface Lanes<T extends LaneItem> {
  enqueue(key: string, item: T): void;
  end(run: Run<T>, healthy: boolean): void;
  /** Moves old exchanges to the slow pool, asks held lanes again, refuses what waited too long. Call it every 50 ms. */
  tick(): void;
  /** How many more items the lane can take without making them wait; for the release of parked ones. */
  room(key: string): number;
  /** Takes back queued items that match, in order. */
  withdraw(matches: (item: T) => boolean): T[];
  /** The same, of one lane. */
  withdrawFrom(key: string, matches: (item: T) => boolean): T[];
  /** Begins nothing more until `open`. */
  close(): void;
  open(): void;
  /** Forgets lanes that are empty and idle. */
  evictIdle(idleMs: number): void;
  readonly stats: LaneStats;
  runs(): Iterable<Run<T>>;
}

export interface LaneStats {
  readonly lanes: number;
  readonly queued: number;
  readonly queuedBytes: number;
  readonly young: number;
  readonly slow: number;
  /** The pool has no free place: what waits, waits for it. */
  readonly saturated: boolean;
}

/** Most that a lane has room for, however fast it is. */
const roomMax = 500;

/**
 * Bounded lanes, one per key, over one shared pool that hanging keys cannot fill. Three rules keep it free for the others:
 * only young exchanges count against the pool; a lane with a slow one may have no other beside it, and earns its concurrency back by
 * answering; and a lane may have no more young exchanges than the pool has free places (so many lanes that turn bad at once leave some).
 * Pure but for its hooks: it has no timer, `tick` is its clock.
 */
export function createLanes<T extends LaneItem>(limits: LaneLimits, hooks: LaneHooks<T>): Lanes<T> {
  const lanes = new Map<string, Lane<T>>();
  const young = new Set<Run<T>>();
  const slow = new Set<Run<T>>();
  /** Lanes that could begin something now: with nothing in flight, with something young in flight, with replays only. */
  const rings = { fresh: new Set<Lane<T>>(), busy: new Set<Lane<T>>(), replay: new Set<Lane<T>>() };
  const held = new Set<Lane<T>>();
  const waiting = new Set<Lane<T>>();
  let youngReplays = 0;
  let queuedItems = 0;
  let queuedBytes = 0;
  let closed = false;
  let pumping = false;
  let pumpDeferred = false;

  function place(lane: Lane<T>): void {
    rings.fresh.delete(lane);
    rings.busy.delete(lane);
    rings.replay.delete(lane);
    held.delete(lane);
    if (queued(lane) === 0) {
      waiting.delete(lane);
      return;
    }
    waiting.add(lane);
    if (lane.young + lane.slow >= effectiveCap(lane)) return;
    if (lane.live.length === 0) rings.replay.add(lane);
    else (lane.young === 0 ? rings.fresh : rings.busy).add(lane);
  }

  function nextLane(): Lane<T> | undefined {
    const free = limits.youngMax - young.size;
    if (free <= 0) return undefined;
    for (const lane of rings.fresh) return lane;
    for (const lane of rings.busy) if (lane.young < free) return lane;
    if (youngReplays * 2 >= limits.youngMax) return undefined;
    for (const lane of rings.replay) if (lane.young < free) return lane;
    return undefined;
  }

  function pump(): void {
    if (pumping || closed) return;
    pumping = true;
    for (let lane = nextLane(); lane !== undefined; lane = nextLane()) step(lane);
    pumping = false;
  }

  function pumpLater(): void {
    if (pumpDeferred) return;
    pumpDeferred = true;
    hooks.defer(() => {
      pumpDeferred = false;
      pump();
    });
  }

  function step(lane: Lane<T>): void {
    const admission = hooks.admit(lane.key);
    if (admission === "hold") {
      place(lane);
      rings.fresh.delete(lane);
      rings.busy.delete(lane);
      rings.replay.delete(lane);
      held.add(lane);
      return;
    }
    const item = lane.live.shift() ?? lane.replay.shift();
    if (item === undefined) return place(lane);
    queuedItems -= 1;
    queuedBytes -= item.bytes;
    if (admission === "refuse") {
      place(lane);
      hooks.refuse(item, "gate");
      return;
    }
    const run: Run<T> = { item, lane, startedAtMs: hooks.now(), slow: false };
    young.add(run);
    lane.young += 1;
    if (item.replay) youngReplays += 1;
    place(lane);
    hooks.begin(item, run);
  }

  /** A live item waits for live ones only. */
  function exceedsRate(lane: Lane<T>, { replay }: T): boolean {
    const ahead = replay ? queued(lane) : lane.live.length;
    return ahead + 1 > hooks.allowance(lane.key, limits.waitBudgetMs);
  }

  /** True when the lane could begin no more although the pool has places: what waits then waits for this endpoint alone. */
  function limitsItself(lane: Lane<T>): boolean {
    return lane.young + lane.slow >= effectiveCap(lane) && young.size < limits.youngMax;
  }

  function enqueue(key: string, item: T): void {
    let lane = lanes.get(key);
    if (lane === undefined) {
      lane = createLane<T>(key, limits.capStart);
      lanes.set(key, lane);
    }
    lane.capMax = hooks.capMax(key);
    lane.usedAtMs = hooks.now();
    const waitsTooLong = limitsItself(lane) && expectedWaitMs(lane, hooks.now()) > limits.waitBudgetMs;
    if (waitsTooLong || exceedsRate(lane, item)) {
      hooks.refuse(item, "busy");
      return;
    }
    (item.replay ? lane.replay : lane.live).push(item);
    queuedItems += 1;
    queuedBytes += item.bytes;
    if (queued(lane) === 1 || (!item.replay && lane.live.length === 1)) place(lane);
    pump();
  }

  function leave(run: Run<T>): void {
    const { lane } = run;
    if (run.slow) {
      slow.delete(run);
      lane.slow -= 1;
      return;
    }
    young.delete(run);
    lane.young -= 1;
    if (run.item.replay) youngReplays -= 1;
  }

  function end(run: Run<T>, healthy: boolean): void {
    if (!(run.slow ? slow : young).has(run)) throw new Error("a run ends once");
    leave(run);
    recordEnd(run.lane, { tookMs: hooks.now() - run.startedAtMs, wasSlow: run.slow, healthy });
    run.lane.usedAtMs = hooks.now();
    if (run.lane.slow === 0) run.lane.slowSinceMs = null;
    place(run.lane);
    pumpLater();
  }

  function promoteOld(nowMs: number): void {
    for (const run of young) {
      if (nowMs - run.startedAtMs < limits.slowAfterMs || slow.size >= limits.slowMax) return;
      leave(run);
      run.slow = true;
      slow.add(run);
      run.lane.slow += 1;
      run.lane.slowSinceMs ??= run.startedAtMs;
      run.lane.cap = 1;
      place(run.lane);
    }
  }

  function forget(items: readonly T[]): void {
    queuedItems -= items.length;
    for (const item of items) queuedBytes -= item.bytes;
  }

  function withdraw(lane: Lane<T>, matches: (item: T) => boolean): T[] {
    const taken = [...lane.live.extract(matches), ...lane.replay.extract(matches)];
    forget(taken);
    place(lane);
    return taken;
  }

  function refuseOverdue(nowMs: number): void {
    for (const lane of waiting) {
      // A lane that waits only for the shared pool is not the cause: its items stay.
      if (rings.fresh.has(lane) || rings.busy.has(lane) || rings.replay.has(lane)) continue;
      const overdue = (item: T) => nowMs - item.takenAtMs > limits.overdueMs;
      if (![lane.live.peek(), lane.replay.peek()].some((head) => head !== undefined && overdue(head)))
        continue;
      const items = [...lane.live.extract(overdue), ...lane.replay.extract(overdue)];
      forget(items);
      place(lane);
      for (const item of items) hooks.refuse(item, "busy");
    }
  }

  return {
    enqueue,
    end,
    tick() {
      const nowMs = hooks.now();
      promoteOld(nowMs);
      // Before held lanes come back into the rings, where what waits is taken to wait for the pool.
      refuseOverdue(nowMs);
      for (const lane of held) place(lane);
      pump();
    },
    room(key) {
      const lane = lanes.get(key);
      const byRate = Math.min(roomMax, hooks.allowance(key, limits.waitBudgetMs));
      if (lane === undefined) return Math.floor(Math.min(limits.capStart * 4, byRate));
      const perBudget = (effectiveCap(lane) * limits.waitBudgetMs) / 2 / Math.max(1, lane.exchangeMs);
      // What comes to a free place begins at once, however long it takes then: a slow endpoint has no budget, but it has a turn.
      const free = lane.young + lane.slow < effectiveCap(lane) ? 1 : 0;
      const bySpeed = Math.max(free, lane.slow > 0 ? 0 : perBudget);
      return Math.max(0, Math.floor(Math.min(byRate, bySpeed)) - queued(lane));
    },
    withdraw: (matches) => [...waiting].flatMap((lane) => withdraw(lane, matches)),
    withdrawFrom(key, matches) {
      const lane = lanes.get(key);
      return lane === undefined ? [] : withdraw(lane, matches);
    },
    close() {
      closed = true;
    },
    open() {
      closed = false;
      pump();
    },
    evictIdle(idleMs) {
      for (const lane of lanes.values()) {
        if (queued(lane) + lane.young + lane.slow > 0 || hooks.now() - lane.usedAtMs < idleMs) continue;
        lanes.delete(lane.key);
      }
    },
    get stats() {
      return {
        lanes: lanes.size,
        queued: queuedItems,
        queuedBytes,
        young: young.size,
        slow: slow.size,
        saturated: young.size >= limits.youngMax,
      };
    },
    *runs() {
      yield* slow;
      yield* young;
    },
  };
}
