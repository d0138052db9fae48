import type { Attempt, DeadDelivery, Delivery } from "@ethhook/schemas";
import type { Job, JobEnd } from "./job.ts";
import type { Notices } from "./notice.ts";
import type { AttemptLog, DeadLetters, Observer, ParkingLot, ParkReason } from "./ports.ts";

/** How a job ends: each way makes it durable first and settles its offset then. None rejects. */
export interface Settlement {
  delivered(job: Job, attempt: Attempt): Promise<JobEnd>;
  /** Nothing more is to be sent of it, on purpose. @param attempt the POST that was made, if one was. */
  dropped(job: Job, attempt?: Attempt): Promise<JobEnd>;
  /** Ends as buried when the endpoint has too much parked already. */
  parked(job: Job, reason: ParkReason, dueAtMs: number, attempt?: Attempt): Promise<JobEnd>;
  buried(job: Job, reason: DeadDelivery["reason"], detail: string, attempt?: Attempt): Promise<JobEnd>;
  /** A POST is under way and takes long: a row stands for it, so that its offset no longer holds up others. */
  guarded(job: Job, dueAtMs: number): Promise<void>;
}

export interface SettlementPorts {
  readonly now: () => number;
  readonly attempts: AttemptLog;
  readonly parking: ParkingLot;
  readonly deadLetters: DeadLetters;
  readonly observer: Observer;
  readonly notices: Notices;
  /** Rows that an endpoint has in the parking lot. */
  rowsOf(endpointId: string): number;
  readonly rowsPerEndpointMax: number;
}

export function createSettlement(ports: SettlementPorts): Settlement {
  /** Jobs that a `sending` row stands for, and the write of that row. */
  const guards = new Map<Job, Promise<void>>();

  /** Its row, if it has one, goes. A crash before that repeats the POST with the same id. */
  function forgetRow(job: Job): void {
    const guard = guards.get(job);
    if (guard === undefined && !job.stored) return;
    guards.delete(job);
    void Promise.resolve(guard).then(() => ports.parking.remove(job.delivery.webhookId, job.replay));
  }

  /** The next in its order waits until it is settled; other jobs hold up nobody. */
  function record({ orderKey }: Job, attempt: Attempt): Promise<void> {
    ports.observer.attempted(attempt);
    return ports.attempts.append(attempt, orderKey !== "");
  }

  function park(job: Job, delivery: Delivery, reason: ParkReason, dueAtMs: number): Promise<void> {
    const { replay, partition, offset, orderKey } = job;
    const unsure = !job.fresh && delivery.attemptsMade === 0;
    return ports.parking.park({
      delivery,
      replay,
      partition,
      position: offset,
      orderKey,
      unsure,
      reason,
      dueAtMs,
    });
  }

  function tell({ endpointId, applicationId, userId, webhookId }: Delivery, reason: string, detail: string) {
    const about = { endpointId, applicationId, userId, webhookId };
    ports.notices.tell({ type: "delivery.exhausted", ...about, reason, detail, atMs: ports.now() });
  }

  async function buried(
    job: Job,
    reason: DeadDelivery["reason"],
    detail: string,
    attempt?: Attempt,
  ): Promise<JobEnd> {
    ports.observer.buried(reason);
    if (attempt !== undefined) await record(job, attempt);
    const { history: attempts = [], ...delivery } = withAttempt(job.delivery, attempt);
    await ports.deadLetters.bury({ v: 1, reason, detail, delivery, attempts, deadAtMs: ports.now() });
    job.settle();
    forgetRow(job);
    // Of the trouble with telling, nobody is told: it would go round in circles.
    if (reason !== "gone" && delivery.origin !== "operational") tell(delivery, reason, detail);
    return { kind: "buried" };
  }

  return {
    buried,
    async delivered(job, attempt) {
      await record(job, attempt);
      job.settle();
      forgetRow(job);
      return { kind: "delivered" };
    },
    async dropped(job, attempt) {
      if (attempt !== undefined) await record(job, attempt);
      ports.observer.dropped();
      job.settle();
      forgetRow(job);
      return { kind: "dropped" };
    },
    async parked(job, reason, dueAtMs, attempt) {
      const guard = guards.get(job);
      const hasRow = job.stored || guard !== undefined;
      if (!hasRow && ports.rowsOf(job.delivery.endpointId) >= ports.rowsPerEndpointMax) {
        const detail = `the endpoint has ${ports.rowsPerEndpointMax} deliveries waiting already`;
        return buried(job, "overflow", detail, attempt);
      }
      ports.observer.parked(reason);
      guards.delete(job);
      await guard;
      const recorded = attempt === undefined ? undefined : record(job, attempt);
      await Promise.all([recorded, park(job, withAttempt(job.delivery, attempt), reason, dueAtMs)]);
      job.settle();
      return { kind: "parked", dueAtMs };
    },
    guarded(job, dueAtMs) {
      const known = guards.get(job);
      if (known !== undefined) return known;
      const delivery = { ...job.delivery, attemptsMade: job.delivery.attemptsMade + 1 };
      const guard = park(job, delivery, "sending", dueAtMs).then(() => job.settle());
      guards.set(job, guard);
      return guard;
    },
  };
}

function withAttempt(delivery: Delivery, attempt: Attempt | undefined): Delivery {
  if (attempt === undefined) return delivery;
  return {
    ...delivery,
    attemptsMade: delivery.attemptsMade + 1,
    history: [...(delivery.history ?? []), attempt],
  };
}
