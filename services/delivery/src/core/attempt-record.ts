import type { Attempt, Delivery } from "@ethhook/schemas";
import type { Exchange } from "./exchange.ts";
import { stoppedCode, type Verdict } from "./verdict.ts";

export interface AttemptFacts {
  readonly attemptId: string;
  readonly delivery: Delivery;
  readonly exchange: Exchange;
  readonly verdict: Verdict;
  readonly startedAtMs: number;
  readonly nextAttemptAtMs: number | null;
  readonly requestBytes: number;
}

/** The record of one POST, as it goes to the topic `attempts`. */
export function attemptRecord(facts: AttemptFacts): Attempt {
  const { delivery, exchange } = facts;
  const live = delivery.origin === "match" || delivery.origin === "release";
  return {
    v: 1,
    attemptId: facts.attemptId,
    webhookId: delivery.webhookId,
    eventId: delivery.eventId,
    endpointId: delivery.endpointId,
    applicationId: delivery.applicationId,
    userId: delivery.userId,
    chainId: delivery.chainId,
    attempt: delivery.attemptsMade + 1,
    outcome: facts.verdict.outcome,
    statusCode: exchange.statusCode,
    error: exchange.kind === "answered" ? null : `${exchange.code}: ${exchange.message}`,
    responseBody: exchange.responseBody,
    startedAtMs: facts.startedAtMs,
    connectMs: exchange.connectMs,
    tlsMs: exchange.tlsMs,
    firstByteMs: exchange.firstByteMs,
    totalMs: exchange.totalMs,
    e2eMs: live ? hundredths(Math.max(0, facts.startedAtMs - delivery.seenAtMs) + exchange.totalMs) : null,
    nextAttemptAtMs: facts.nextAttemptAtMs,
    origin: delivery.origin,
    requestBytes: facts.requestBytes,
    ...(delivery.batch === undefined ? {} : { batch: delivery.batch }),
  };
}

/** Attempts of a delivery that count against its schedule: those that a process ended because it stopped do not. */
export function scheduledAttempts({ attemptsMade, history = [] }: Delivery): number {
  return attemptsMade - history.filter(({ error }) => error?.startsWith(`${stoppedCode}: `)).length;
}

function hundredths(ms: number): number {
  return Math.round(ms * 100) / 100;
}
