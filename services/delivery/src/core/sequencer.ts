import { carries, type Job, type JobEnd, type Numbering } from "./job.ts";
import { createQueue, type Queue } from "./queue.ts";

/** Numbers ordered deliveries, and knows those that wait in Postgres. */
export interface OrderStore {
  /** Stored before it resolves. Never rejects: it tries until it is. */
  number(orderKey: string, webhookId: string): Promise<Numbering>;
  /** What waits in Postgres under this key, in order, at most `limit`. Rejects while it does not answer. */
  waiting(orderKey: string, limit: number): Promise<readonly StoredJob[]>;
}

/** A job from Postgres and the earliest time of its next attempt. */
export interface StoredJob {
  readonly job: Job;
  readonly dueAtMs: number;
}

export interface SequencerPorts {
  readonly now: () => number;
  readonly store: OrderStore;
  /** Sends a job when its endpoint can take it; `ended` hears how it ended. */
  send(job: Job): void;
  /** Parks a job in its place; resolves with how it ended. */
  park(job: Job): Promise<JobEnd>;
  /** May a job of this endpoint be begun now? */
  hasRoom(endpointId: string): boolean;
  /** The lowest offset of this endpoint that was handed over and is on its way to `accept`; Infinity when none is. */
  comingFrom(endpointId: string): number;
  onError(error: unknown): void;
}

/**
 * Keeps the order of what has one: of each order key one job is under way, and the next one begins when it was delivered or given up.
 * Behind a failed head everything is parked, and drained from Postgres in order. Nothing of a key overtakes what waits of it.
 */
export interface Sequencer {
  accept(job: Job): void;
  /** A job that `send` was given ended. */
  ended(job: Job, end: JobEnd): void;
  /** Takes the job of a webhook, or of the batch that it is in, back if it waits here and was not begun. */
  withdraw(orderKey: string, webhookId: string): Job | undefined;
  /** Whether this webhook is under way, alone or in its batch. */
  isCurrent(orderKey: string, webhookId: string): boolean;
  /** Parks a job if its key has something in Postgres; resolves when it is written. Undefined when nothing waits there. */
  parkBehind(job: Job): Promise<void> | undefined;
  /** Changes what waits of a key in Postgres: meanwhile nothing of it is begun from there, afterwards it is read anew. */
  locked<R>(orderKey: string, work: () => Promise<R>): Promise<R>;
  /** What waits of an endpoint in Postgres changed behind our back: the head may be due, or gone. */
  recheck(endpointId: string): void;
  /**
   * Keys of an assignment that have something in Postgres, the offset from which each partition is read, and where it ends if that
   * may matter. Until then everything waits.
   */
  restore(
    heads: readonly { readonly orderKey: string; readonly endpointId: string; readonly dueAtMs: number }[],
    readFrom: ReadonlyMap<number, number>,
    ends?: ReadonlyMap<number, number>,
  ): void;
  /** Everything of this partition before this offset was handed over: see `isRead`. */
  read(partition: number, before: number): void;
  /** Begins what became due in Postgres. Call it every 50 ms or so. */
  tick(): void;
  /** Forgets everything: the partitions may belong to another process now. */
  clear(): void;
  readonly keys: number;
}

interface Lane {
  readonly key: string;
  readonly endpointId: string;
  /** Under way: being numbered, waiting for its endpoint, or sent. */
  current: Job | undefined;
  /** In memory, behind the current one. */
  readonly queue: Queue<Job>;
  /** From Postgres, in order, not begun. */
  fetched: StoredJob[];
  /** Something may wait in Postgres: what comes is parked behind it. */
  stored: boolean;
  /** Unix ms before which the head in Postgres need not be looked at. */
  dueAtMs: number;
  /** Held by a fetch, or by a change of what waits in Postgres. */
  locks: number;
  /** Ended, but their rows may still be there: a fetch must not bring them again. */
  ended: Set<string>;
  /** Raised when what waits in Postgres was changed: what a fetch under way brings is stale. */
  changes: number;
  /** Parks that are not written yet: what is fetched now may lack them. */
  parking: number;
  /** Raised with each park: tells a fetch that found nothing whether it looked too early. */
  parks: number;
  /** The lowest offset that was parked since the last fetch began. */
  lowestParked: number;
}

/** Jobs of one key that wait in memory; more are parked, so that one key cannot hold up a partition. */
const queuedPerKeyMax = 1_000;
/** A job that has waited longer in memory is parked with all behind it. */
const waitMsMax = 1_000;
const fetchRows = 50;
/** Ended jobs that are remembered while nothing waits in Postgres: a row that stood for one of them goes within moments. */
const endedMax = 100;
const troubleMs = 1_000;

export function createSequencer(ports: SequencerPorts): Sequencer {
  let lanes = new Map<string, Lane>();
  /** Raised by `clear`: what was begun before belongs to nobody. */
  let epoch = 0;
  /** Jobs that came before `restore`; undefined afterwards. */
  let early: Job[] | undefined = [];
  /** By partition, the offset before which everything was handed over. */
  let readTo = new Map<number, number>();
  /** By partition, the offset at which it ended when it was assigned. */
  let endOf: ReadonlyMap<number, number> = new Map();

  function laneOf(job: Job): Lane {
    let lane = lanes.get(job.orderKey);
    if (lane === undefined) {
      lane = {
        key: job.orderKey,
        endpointId: job.delivery.endpointId,
        current: undefined,
        queue: createQueue(),
        fetched: [],
        stored: false,
        dueAtMs: 0,
        locks: 0,
        ended: new Set(),
        changes: 0,
        parking: 0,
        parks: 0,
        lowestParked: Infinity,
      };
      lanes.set(job.orderKey, lane);
    }
    return lane;
  }

  function advance(partition: number, before: number): void {
    readTo.set(partition, Math.max(readTo.get(partition) ?? 0, before));
  }

  function accept(job: Job): void {
    if (early !== undefined) return void early.push(job);
    const lane = laneOf(job);
    if (lane.stored) return void park(lane, job);
    if (lane.current === undefined) return begin(lane, job);
    lane.queue.push(job);
    if (lane.queue.length > queuedPerKeyMax) store(lane);
  }

  function begin(lane: Lane, job: Job): void {
    const mine = epoch;
    lane.current = job;
    void ports.store.number(lane.key, job.delivery.webhookId).then((numbering) => {
      if (mine !== epoch) return;
      ports.send({ ...job, numbering });
    });
  }

  /** Parks what waits in memory: from now on Postgres holds what is next. */
  function store(lane: Lane): void {
    lane.stored = true;
    for (let job = lane.queue.shift(); job !== undefined; job = lane.queue.shift()) void park(lane, job);
  }

  async function park(lane: Lane, job: Job): Promise<void> {
    lane.parking += 1;
    lane.parks += 1;
    lane.lowestParked = Math.min(lane.lowestParked, job.offset);
    const last = lane.fetched.at(-1);
    // It may belong before what was fetched: after a crash, rows stand ahead of what is read again.
    if (last === undefined || job.offset < last.job.offset) {
      lane.fetched = [];
      lane.dueAtMs = 0;
    }
    await ports.park(job);
    lane.parking -= 1;
  }

  function next(lane: Lane): void {
    lane.current = undefined;
    if (lane.stored) return drain(lane);
    const job = lane.queue.shift();
    if (job === undefined) lanes.delete(lane.key);
    else begin(lane, job);
  }

  /**
   * An earlier owner may have parked a job whose predecessor it had neither sent nor parked: that one is read again from
   * the topic. So a row waits until the partition has been read as far as its own place, and what was read before it has
   * come here. A place beyond the topic's end is of a topic that was made anew since: nothing can come before it.
   */
  function isRead({ partition, offset, delivery }: Job): boolean {
    if (offset >= (endOf.get(partition) ?? Infinity)) return true;
    return offset < (readTo.get(partition) ?? Infinity) && offset <= ports.comingFrom(delivery.endpointId);
  }

  /** Begins the head of what Postgres holds, if it is due and its endpoint has room. */
  function drain(lane: Lane): void {
    if (lane.current !== undefined || lane.locks > 0 || ports.now() < lane.dueAtMs) return;
    if (!ports.hasRoom(lane.endpointId)) return;
    const [head] = lane.fetched;
    if (head === undefined) return void fetch(lane);
    lane.dueAtMs = head.dueAtMs;
    if (ports.now() < head.dueAtMs || !isRead(head.job)) return;
    lane.fetched.shift();
    const mine = epoch;
    begin(lane, { ...head.job, takenAtMs: ports.now(), isCurrent: () => mine === epoch });
  }

  async function fetch(lane: Lane): Promise<void> {
    const mine = epoch;
    // A park that is on its way may belong before what is there: it is waited for.
    if (lane.parking > 0) return;
    lane.locks += 1;
    lane.lowestParked = Infinity;
    const { parks, changes } = lane;
    let rows: readonly StoredJob[] = [];
    try {
      rows = await ports.store.waiting(lane.key, fetchRows);
    } catch (error) {
      ports.onError(error);
      lane.dueAtMs = ports.now() + troubleMs;
      return;
    } finally {
      lane.locks -= 1;
    }
    if (mine !== epoch || changes !== lane.changes) return;
    // Something that belongs among these rows was parked while they were on their way: look again at the next tick.
    if (lane.lowestParked < (rows.at(-1)?.job.offset ?? 0)) return;
    const ids = new Set(rows.map(({ job }) => job.delivery.webhookId));
    lane.ended = new Set([...lane.ended].filter((id) => ids.has(id)));
    lane.fetched = rows.filter(({ job }) => !lane.ended.has(job.delivery.webhookId));
    if (lane.fetched.length > 0) return drain(lane);
    // Rows that ended are still being deleted, or something was parked meanwhile: look again at the next tick.
    if (rows.length > 0 || parks !== lane.parks) return;
    lane.stored = false;
    if (lane.current === undefined) lanes.delete(lane.key);
  }

  function reread(lane: Lane): void {
    lane.changes += 1;
    lane.fetched = [];
    lane.dueAtMs = 0;
  }

  function onParked(lane: Lane, dueAtMs: number): void {
    // The head keeps its place: what was fetched behind it is fetched again with it.
    lane.fetched = [];
    lane.current = undefined;
    lane.dueAtMs = dueAtMs;
    store(lane);
  }

  return {
    accept,
    ended(job, end) {
      const lane = lanes.get(job.orderKey);
      if (lane?.current?.delivery.webhookId !== job.delivery.webhookId) return;
      if (end.kind === "parked") return onParked(lane, end.dueAtMs);
      if (!lane.stored && lane.ended.size >= endedMax) lane.ended.clear();
      lane.ended.add(job.delivery.webhookId);
      next(lane);
    },
    withdraw(orderKey, webhookId) {
      return lanes.get(orderKey)?.queue.extract((job) => carries(job, webhookId))[0];
    },
    isCurrent(orderKey, webhookId) {
      const current = lanes.get(orderKey)?.current;
      return current !== undefined && carries(current, webhookId);
    },
    parkBehind(job) {
      const lane = lanes.get(job.orderKey);
      return lane?.stored === true ? park(lane, job) : undefined;
    },
    async locked(orderKey, work) {
      const lane = lanes.get(orderKey);
      if (lane === undefined) return work();
      lane.locks += 1;
      reread(lane);
      const result = await work();
      lane.locks -= 1;
      reread(lane);
      return result;
    },
    recheck(endpointId) {
      for (const lane of lanes.values()) if (lane.endpointId === endpointId) reread(lane);
    },
    restore(heads, readFrom, ends = new Map()) {
      endOf = ends;
      const waiting = early ?? [];
      early = undefined;
      for (const [partition, before] of readFrom) advance(partition, before);
      for (const { orderKey, endpointId, dueAtMs } of heads) {
        const lane = laneOf({ orderKey, delivery: { endpointId } } as Job);
        lane.stored = true;
        lane.dueAtMs = dueAtMs;
      }
      for (const job of waiting) if (job.isCurrent()) accept(job);
    },
    read: advance,
    tick() {
      const nowMs = ports.now();
      for (const lane of lanes.values()) {
        const oldest = lane.queue.peek();
        if (oldest !== undefined && nowMs - oldest.takenAtMs > waitMsMax) store(lane);
        if (lane.stored) drain(lane);
      }
    },
    clear() {
      epoch += 1;
      lanes = new Map();
      readTo = new Map();
      endOf = new Map();
      early = [];
    },
    get keys() {
      return lanes.size;
    },
  };
}
