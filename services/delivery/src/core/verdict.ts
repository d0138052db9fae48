import type { AttemptOutcome } from "@ethhook/schemas";
import type { Exchange } from "./exchange.ts";
import { parseRetryAfter } from "./retry-schedule.ts";

/** What one exchange means for its delivery and its endpoint. */
export interface Verdict {
  readonly outcome: AttemptOutcome;
  /** `done`: delivered. `retry`: later, by the schedule. `again`: at once, and it uses up nothing of the schedule. `dead`: never again. */
  readonly next: "done" | "retry" | "again" | "dead";
  /** The endpoint asked never to be called again (410). */
  readonly disable: boolean;
  /** Counts against the endpoint's breaker; null when it says nothing of its health. */
  readonly healthy: boolean | null;
  readonly retryAfterMs: number | null;
}

/** Code of a POST that this process gave up because it stops: no word on its endpoint, and no attempt of its schedule. */
export const stoppedCode = "STOPPED";

const throttles: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/**
 * The meaning of an answer: 2xx delivered; 410 disables the endpoint and the delivery waits with it; 429, 502, 503 and 504 throttle;
 * any other status, a timeout or a broken connection is retried; an address that policy forbids is not.
 */
export function judge(exchange: Exchange, nowMs: number): Verdict {
  if (exchange.kind !== "answered") {
    const blocked = exchange.kind === "blocked";
    const ours = exchange.code === stoppedCode;
    return {
      outcome: exchange.kind,
      next: blocked ? "dead" : ours ? "again" : "retry",
      disable: false,
      healthy: blocked || ours ? null : false,
      retryAfterMs: null,
    };
  }
  const { statusCode } = exchange;
  if (statusCode >= 200 && statusCode < 300) {
    return { outcome: "delivered", next: "done", disable: false, healthy: true, retryAfterMs: null };
  }
  if (statusCode === 410) {
    return { outcome: "gone", next: "retry", disable: true, healthy: false, retryAfterMs: null };
  }
  const throttled = throttles.has(statusCode);
  return {
    outcome: throttled ? "throttled" : "failed",
    next: "retry",
    disable: false,
    // 429 is an answer of an endpoint that is well: it is called less, not given up.
    healthy: statusCode === 429 ? null : false,
    retryAfterMs: throttled ? parseRetryAfter(exchange.retryAfter, nowMs) : null,
  };
}
