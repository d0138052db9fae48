import type { Logger } from "@ethhook/kit";
import type { Delivery } from "@ethhook/schemas";
import type { Backlog, PostgresRelease } from "./adapters/postgres-release.ts";
import type { ReleasePlan } from "./core/release-plan.ts";

/** Puts parked deliveries back on the log when they are due and their endpoint can take them. */
export interface ReleaseLoop {
  start(): void;
  stop(): Promise<void>;
  /** These partitions are ours now: their parked deliveries too. */
  assigned(partitions: readonly number[]): Promise<void>;
  /** A person changed what this endpoint waits for. */
  hasten(endpointId: string): void;
  /** The endpoint answers again. */
  recovered(endpointId: string): void;
  /** What waits may have been changed without our hearing of it: the store is asked again, and each endpoint looked at anew. */
  refresh(): void;
  /** What waits for these partitions by reason, as the store last said: it is asked every 15 s anyway. */
  parkedByReason(): ReadonlyMap<string, number>;
}

export interface ReleaseLoopDeps {
  readonly plan: ReleasePlan;
  readonly release: PostgresRelease;
  readonly publish: (deliveries: readonly Delivery[]) => Promise<void>;
  readonly room: (endpointId: string) => number;
  /** Makes these endpoints known, so that `room` can tell. */
  readonly load: (endpointIds: readonly string[]) => Promise<void>;
  /** Hears of each endpoint with something parked when changes may have been missed. */
  readonly mayHaveChanged: (endpointId: string) => void;
  readonly observer: { released(rows: number): void };
  readonly now: () => number;
  readonly logger: Logger;
}

const turnMs = 100;
const refreshEveryMs = 15_000;
const troubleMs = 1_000;

export function createReleaseLoop(deps: ReleaseLoopDeps): ReleaseLoop {
  const { plan, now, logger } = deps;
  let partitions: readonly number[] = [];
  let byReason: ReadonlyMap<string, number> = new Map();
  let refreshDueMs = 0;
  /** Changes of what waits may have been missed. */
  let missed = false;
  let stopped = true;
  let timer: NodeJS.Timeout | undefined;
  let turning: Promise<void> = Promise.resolve();

  async function reload(): Promise<void> {
    const mine = partitions;
    const anew = missed;
    missed = false;
    try {
      const backlogs = mine.length === 0 ? [] : await deps.release.backlogs(mine);
      await deps.load(backlogs.map((backlog) => backlog.endpointId));
      if (mine !== partitions) return;
      plan.reset(backlogs);
      byReason = sumByReason(backlogs);
      if (anew) for (const { endpointId } of backlogs) deps.mayHaveChanged(endpointId);
    } catch (error) {
      missed ||= anew;
      throw error;
    }
  }

  async function turn(): Promise<number> {
    if (now() >= refreshDueMs) {
      refreshDueMs = now() + refreshEveryMs;
      await reload();
    }
    const requests = plan.due(now(), deps.room);
    if (requests.length === 0) return turnMs;
    const released = await deps.release.release(requests, now(), deps.publish);
    let rows = 0;
    for (const one of released) {
      plan.released(one.endpointId, one.rows, one.nextDueMs);
      rows += one.rows;
    }
    if (rows > 0) deps.observer.released(rows);
    return rows > 0 ? turnMs / 5 : turnMs;
  }

  function schedule(delayMs: number): void {
    if (stopped) return;
    timer = setTimeout(() => {
      turning = turn().then(schedule, (error: unknown) => {
        logger.warn({ event: "release.failed", err: error }, "parked deliveries were not released");
        schedule(troubleMs);
      });
    }, delayMs);
  }

  return {
    start() {
      stopped = false;
      schedule(0);
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await turning;
    },
    async assigned(mine) {
      partitions = mine;
      byReason = new Map();
      await reload().catch((error: unknown) => {
        // Endpoints that answer go on without Postgres; what is parked waits for it anyway.
        logger.warn({ event: "release.unreadable", err: error }, "parked deliveries were not counted");
        refreshDueMs = 0;
      });
    },
    hasten(endpointId) {
      plan.hasten(endpointId, now());
    },
    recovered(endpointId) {
      if (plan.rowsOf(endpointId) === 0) return;
      void deps.release.hasten(endpointId).then(
        () => plan.hasten(endpointId, now()),
        () => undefined,
      );
    },
    refresh() {
      missed = true;
      refreshDueMs = 0;
    },
    parkedByReason: () => byReason,
  };
}

function sumByReason(backlogs: readonly Backlog[]): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const backlog of backlogs) {
    for (const [reason, rows] of Object.entries(backlog.byReason)) {
      sums.set(reason, (sums.get(reason) ?? 0) + rows);
    }
  }
  return sums;
}
