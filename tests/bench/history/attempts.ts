import { createAttemptIds } from "@ethhook/delivery/attempt-ids";
import { eventId, webhookId, type Attempt, type Log } from "@ethhook/schemas";
import type { Random } from "./random.ts";

/** An endpoint of the benchmark, made through the API. */
export interface BenchEndpoint {
  readonly userId: string;
  readonly applicationId: string;
  readonly endpointId: string;
}

/** 7 M attempts to 4.8 M logs: so many logs go to a second endpoint, and so many POSTs fail and are made again. */
const secondEndpoint = 0.376;
const failures = 0.06;

const answers = [
  "ok",
  '{"received":true}',
  '{"status":"success"}',
  "",
  "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.24.0</center>\r\n</body>\r\n</html>\r\n",
  '{"error":{"code":"internal","message":"Something went wrong. Please try again later."}}',
] as const;

/** Of the delivery processes, which share the endpoints among them. */
const attemptIds = Array.from({ length: 3 }, createAttemptIds);

function newAttemptId(endpointId: string): string {
  const process = endpointId.charCodeAt(endpointId.length - 1) % attemptIds.length;
  const next = attemptIds[process];
  if (next === undefined) throw new RangeError(`no process ${process}`);
  return next();
}

/** The POSTs that a log's webhooks made. @param pick an endpoint, the busy ones more often. */
export function attemptsOf(log: Log, pick: (random: Random) => BenchEndpoint, random: Random): Attempt[] {
  const endpoints = [pick(random)];
  if (random.chance(secondEndpoint)) endpoints.push(pick(random));
  return [...new Set(endpoints)].flatMap((endpoint) => {
    const first = attemptOf(log, endpoint, 1, log.seenAtMs + 5 + random.below(40), random);
    if (first.outcome === "delivered") return [first];
    const againAtMs = first.startedAtMs + 5_000 + random.below(1_000);
    const again = attemptOf(log, endpoint, 2, againAtMs, random);
    return [{ ...first, nextAttemptAtMs: againAtMs }, again];
  });
}

function attemptOf(
  log: Log,
  { userId, applicationId, endpointId }: BenchEndpoint,
  attempt: number,
  startedAtMs: number,
  random: Random,
): Attempt {
  const event = eventId(log);
  const failed = attempt === 1 && random.chance(failures);
  const silent = failed && random.chance(0.3);
  const totalMs = silent ? 30_000 : (500 + random.skewed(300_000)) / 100;
  const first = random.chance(0.02);
  return {
    v: 1,
    attemptId: newAttemptId(endpointId),
    webhookId: webhookId({ eventId: event, sequence: log.sequence, endpointId, kind: "new" }),
    eventId: event,
    endpointId,
    applicationId,
    userId,
    chainId: log.chainId,
    attempt,
    outcome: silent ? "timeout" : failed ? "failed" : "delivered",
    statusCode: silent ? null : failed ? (random.chance(0.5) ? 502 : 500) : 200,
    error: silent ? "TIMEOUT: no complete answer in 30 s" : null,
    responseBody: silent ? "" : (answers[failed ? 4 + random.below(2) : random.skewed(4)] ?? ""),
    startedAtMs,
    connectMs: first ? totalMs / 4 : null,
    tlsMs: first ? totalMs / 2 : null,
    firstByteMs: silent ? null : Math.round(totalMs * 98) / 100,
    totalMs,
    e2eMs: Math.round((startedAtMs - log.seenAtMs + totalMs) * 100) / 100,
    nextAttemptAtMs: null,
    origin: attempt === 1 ? "match" : "release",
    requestBytes: 900 + random.below(400),
  };
}
