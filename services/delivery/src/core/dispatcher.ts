import { attemptRecord, scheduledAttempts } from "./attempt-record.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Exchange, Outgoing, Receiver } from "./exchange.ts";
import type { Gates } from "./gates.ts";
import type { HealthBook } from "./health.ts";
import type { Job, JobEnd } from "./job.ts";
import { createLanes, type LaneLimits, type LaneStats, type Run } from "./lanes.ts";
import type { Notices } from "./notice.ts";
import { createOpenJobs, type OpenJobs } from "./open-jobs.ts";
import type { Breakers, EndpointDirectory } from "./ports.ts";
import { nextDelayMs } from "./retry-schedule.ts";
import type { Settlement } from "./settlement.ts";
import { judge, type Verdict } from "./verdict.ts";

export interface DispatcherPorts {
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Runs it in a later turn of the event loop. */
  readonly defer: (run: () => void) => void;
  readonly newAttemptId: () => string;
  readonly endpoints: EndpointDirectory;
  readonly gates: Gates;
  readonly receiver: Receiver;
  readonly breakers: Breakers;
  readonly health: Pick<HealthBook, "record">;
  readonly notices: Notices;
  readonly settlement: Settlement;
  /** Signs and shapes the POST of a delivery. */
  readonly compose: (job: Job, endpoint: Endpoint) => Outgoing;
  /** Hears of each job how it ended, once it is durable. */
  readonly ended: (job: Job, end: JobEnd) => void;
}

export interface DispatcherLimits {
  readonly lanes: LaneLimits;
  /** A POST that is under way for longer gets a row in Postgres, and its offset is settled. */
  readonly guardAfterMs: number;
  /** How long after its timeout a `sending` row is taken for that of a dead process. */
  readonly guardGraceMs: number;
}

/** Takes jobs over, sends each when its endpoint can take it, and sees each to its settlement. */
export interface Dispatcher {
  /** The job's endpoint must be known to the directory. */
  accept(job: Job): void;
  tick(): void;
  /** How many parked deliveries of this endpoint may be released now. */
  room(endpointId: string): number;
  /** Takes back all jobs that are not begun. They stay unsettled and are fetched again by whoever comes next. */
  withdrawAll(): void;
  /** Takes back one job if it is not begun. A begun one is not parked any more if it fails: a removal follows it. */
  takeBack(webhookId: string): TakenBack;
  close(): void;
  open(): void;
  /** Resolves when every job taken over ended, or has a row that stands for it. Long POSTs get theirs sooner while closed. */
  secure(): Promise<void>;
  /** Resolves when every job taken over ended. */
  idle(): Promise<void>;
  evictIdle(idleMs: number): void;
  readonly stats: LaneStats;
}

export type TakenBack =
  | { readonly state: "withdrawn"; readonly job: Job }
  | { readonly state: "begun"; readonly job: Job }
  | { readonly state: "absent" };

export function createDispatcher(limits: DispatcherLimits, ports: DispatcherPorts): Dispatcher {
  const { endpoints, gates, settlement, now } = ports;
  let closed = false;
  const open: OpenJobs = createOpenJobs(ports.ended);
  const lanes = createLanes<Job>(limits.lanes, {
    now,
    defer: ports.defer,
    capMax: (endpointId) => endpoints.get(endpointId)?.settings.concurrency ?? 1,
    allowance: gates.allowance,
    admit: gates.admit,
    begin,
    refuse,
  });

  function refuse(job: Job, why: "busy" | "gate"): void {
    if (!job.isCurrent()) return open.end(job, { kind: "withdrawn" });
    const endpoint = endpoints.get(job.delivery.endpointId);
    if (endpoint === null) {
      void settlement.buried(job, "gone", "the endpoint was deleted").then((end) => open.end(job, end));
      return;
    }
    // Not known now: it made room for others. Who releases the row reads it again.
    const unknown = { reason: "busy", dueAtMs: now() } as const;
    const { reason, dueAtMs } = endpoint === undefined ? unknown : gates.later(endpoint, why);
    void settlement.parked(job, reason, dueAtMs).then((end) => open.end(job, end));
  }

  function begin(job: Job, run: Run<Job>): void {
    const endpoint = endpoints.get(job.delivery.endpointId);
    if (job.isCurrent() && endpoint) {
      open.begun(job);
      void send(job, endpoint, run);
      return;
    }
    // Not now: `end` must come later than `begin`.
    queueMicrotask(() => {
      lanes.end(run, false);
      open.end(job, { kind: "withdrawn" });
    });
  }

  async function send(job: Job, endpoint: Endpoint, run: Run<Job>): Promise<void> {
    const startedAtMs = now();
    const outgoing = ports.compose(job, endpoint);
    let exchange: Exchange;
    try {
      exchange = await ports.breakers.run(endpoint, () => ports.receiver.post(outgoing));
    } catch (error) {
      exchange = unexpected(error);
    }
    const endedAtMs = now();
    const verdict = judge(exchange, endedAtMs);
    lanes.end(run, verdict.healthy !== false);
    noteHealth(job, endpoint, verdict, exchange, endedAtMs);
    const facts = { exchange, verdict, startedAtMs, endedAtMs, requestBytes: outgoing.body.length };
    open.end(job, await conclude(job, endpoint, facts));
  }

  function noteHealth(
    job: Job,
    endpoint: Endpoint,
    verdict: Verdict,
    exchange: Exchange,
    atMs: number,
  ): void {
    if (verdict.healthy === null) return;
    const error = exchange.kind === "answered" ? `status ${exchange.statusCode}` : exchange.message;
    const symptom = { endpoint, partition: job.partition, healthy: verdict.healthy, error, atMs };
    // Of a partition that is lost, another process keeps the book: this one must not write over it.
    const tooLong = job.isCurrent() ? ports.health.record(symptom) : null;
    const reason = verdict.disable ? "answered 410 Gone" : tooLong;
    if (reason === null || endpoints.get(endpoint.id)?.status !== "enabled") return;
    endpoints.disable(endpoint.id, reason);
    const { id: endpointId, applicationId, userId } = endpoint;
    ports.notices.tell({ type: "endpoint.disabled", endpointId, applicationId, userId, reason, atMs });
  }

  interface ExchangeFacts {
    readonly exchange: Exchange;
    readonly verdict: Verdict;
    readonly startedAtMs: number;
    readonly endedAtMs: number;
    readonly requestBytes: number;
  }

  function conclude(job: Job, endpoint: Endpoint, facts: ExchangeFacts): Promise<JobEnd> {
    const { verdict, exchange, endedAtMs } = facts;
    const { delivery } = job;
    const givenUp = open.isGivenUp(job);
    const delayMs = givenUp ? null : nextDelay(job, endpoint, verdict);
    const dueAtMs = delayMs === null ? null : endedAtMs + delayMs;
    const attemptId = ports.newAttemptId();
    const attempt = attemptRecord({ ...facts, attemptId, delivery, nextAttemptAtMs: dueAtMs });
    if (verdict.next === "done") return settlement.delivered(job, attempt);
    if (verdict.retryAfterMs !== null) gates.throttle(endpoint.id, endedAtMs + verdict.retryAfterMs);
    if (givenUp) return settlement.dropped(job, attempt);
    if (verdict.next === "dead") {
      const detail = exchange.kind === "answered" ? "" : exchange.message;
      return settlement.buried(job, "blocked", detail, attempt);
    }
    if (dueAtMs !== null) return settlement.parked(job, "retry", dueAtMs, attempt);
    const detail = `${attempt.attempt} attempts failed, the last one: ${attempt.error ?? attempt.statusCode}`;
    return settlement.buried(job, "exhausted", detail, attempt);
  }

  function nextDelay(job: Job, endpoint: Endpoint, verdict: Verdict): number | null {
    if (verdict.next === "again") return 0;
    if (verdict.next !== "retry") return null;
    return nextDelayMs({
      attemptsMade: scheduledAttempts(job.delivery) + 1,
      schedule: endpoint.settings.retryScheduleSeconds,
      retryAfterMs: verdict.retryAfterMs,
      random: ports.random(),
    });
  }

  function guardLongRuns(): void {
    const nowMs = now();
    const guardAfterMs = closed ? 0 : limits.guardAfterMs;
    for (const { item, startedAtMs, slow } of lanes.runs()) {
      if (!slow || nowMs - startedAtMs < guardAfterMs || !item.isCurrent()) continue;
      const timeoutMs = endpoints.get(item.delivery.endpointId)?.settings.timeoutMs ?? 30_000;
      const dueAtMs = startedAtMs + timeoutMs + limits.guardGraceMs;
      void settlement.guarded(item, dueAtMs).then(() => open.secured(item));
    }
  }

  return {
    accept(job) {
      open.add(job);
      lanes.enqueue(job.delivery.endpointId, job);
    },
    tick() {
      lanes.tick();
      guardLongRuns();
    },
    room: (endpointId) => gates.narrow(endpointId, lanes.room(endpointId)),
    withdrawAll() {
      for (const job of lanes.withdraw(() => true)) open.end(job, { kind: "withdrawn" });
    },
    takeBack(webhookId) {
      const job = open.get(webhookId);
      if (job === undefined) return { state: "absent" };
      const [withdrawn] = open.isBegun(job)
        ? []
        : lanes.withdrawFrom(job.delivery.endpointId, (one) => one === job);
      if (withdrawn === undefined) {
        open.giveUp(job);
        return { state: "begun", job };
      }
      open.end(job, { kind: "withdrawn" });
      return { state: "withdrawn", job };
    },
    close() {
      closed = true;
      lanes.close();
    },
    open() {
      closed = false;
      lanes.open();
    },
    secure: () => open.secure(),
    idle: () => open.idle(),
    evictIdle(idleMs) {
      lanes.evictIdle(idleMs);
      gates.evictIdle(idleMs);
    },
    get stats() {
      return lanes.stats;
    },
  };
}

/**
 * What one receiver made of its answer must not end the process: the delivery would come again, in the next process too. So it fails,
 * and its record tells of the bug.
 */
function unexpected(error: unknown): Exchange {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  const times = { connectMs: null, tlsMs: null, firstByteMs: null, totalMs: 0 };
  return { ...times, kind: "network", code: name, message, statusCode: null, responseBody: "" };
}
