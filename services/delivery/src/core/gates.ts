import type { Endpoint } from "./endpoint.ts";
import type { Admission } from "./lanes.ts";
import type { Breakers, EndpointDirectory, ParkReason } from "./ports.ts";
import { createTokenBucket, fillBucket, takeToken, type TokenBucket } from "./token-bucket.ts";

/** Everything that can keep an endpoint from being called now: its status, its breaker, its wish to wait, its rate. */
export interface Gates {
  /** Takes a token when it answers `go`. */
  admit(endpointId: string): Admission;
  /** How many more the endpoint's rate lets through within so many ms, not rounded; Infinity without a rate. */
  allowance(endpointId: string, withinMs: number): number;
  /** How many of `room` the gates let pass; a token is not taken. */
  narrow(endpointId: string, room: number): number;
  /** Why and until when a delivery that may not go now has to wait. */
  later(endpoint: Endpoint, why: "busy" | "gate"): { readonly reason: ParkReason; readonly dueAtMs: number };
  /** The endpoint asked not to be called for a while. */
  throttle(endpointId: string, untilMs: number): void;
  /** Forgets what no longer matters. */
  evictIdle(idleMs: number): void;
}

export interface GatePorts {
  readonly now: () => number;
  readonly endpoints: Pick<EndpointDirectory, "get">;
  readonly breakers: Pick<Breakers, "gate" | "openUntilMs">;
}

/** How long a delivery waits that came while its endpoint was busy, at least. */
const busyDelayMs = 2_000;
/** How long a breaker's refused deliveries wait when nothing better is known. */
const breakerDelayMs = 5_000;
/** Rows that are released to a deleted endpoint at a time: to be buried. */
const deletedRoom = 100;

export function createGates({ now, endpoints, breakers }: GatePorts): Gates {
  const buckets = new Map<string, TokenBucket>();
  /** Unix ms. */
  const throttledUntil = new Map<string, number>();

  function throttleOf(endpointId: string): number | null {
    const until = throttledUntil.get(endpointId);
    if (until === undefined) return null;
    if (until > now()) return until;
    throttledUntil.delete(endpointId);
    return null;
  }

  function bucketOf(endpointId: string, ratePerSecond: number): TokenBucket {
    let bucket = buckets.get(endpointId);
    if (bucket === undefined) buckets.set(endpointId, (bucket = createTokenBucket(ratePerSecond, now())));
    return bucket;
  }

  function hasToken({ id, settings: { ratePerSecond } }: Endpoint): boolean {
    return ratePerSecond === null || takeToken(bucketOf(id, ratePerSecond), ratePerSecond, now());
  }

  function allowance(endpointId: string, withinMs: number): number {
    const ratePerSecond = endpoints.get(endpointId)?.settings.ratePerSecond ?? null;
    if (ratePerSecond === null) return Infinity;
    const tokens = fillBucket(bucketOf(endpointId, ratePerSecond), ratePerSecond, now());
    return tokens + (withinMs * ratePerSecond) / 1_000;
  }

  /** Until the rate lets another one through. */
  function tokenDelayMs({ id, settings: { ratePerSecond } }: Endpoint): number {
    return ratePerSecond === null ? 0 : Math.ceil(((1 - allowance(id, 0)) * 1_000) / ratePerSecond);
  }

  return {
    admit(endpointId) {
      const endpoint = endpoints.get(endpointId);
      if (endpoint?.status !== "enabled") return "refuse";
      if (breakers.gate(endpointId) === "refuse") return "refuse";
      if (throttledUntil.size > 0 && throttleOf(endpointId) !== null) return "refuse";
      return hasToken(endpoint) ? "go" : "hold";
    },
    allowance,
    narrow(endpointId, room) {
      const endpoint = endpoints.get(endpointId);
      if (endpoint === undefined) return 0;
      if (endpoint === null) return deletedRoom;
      if (endpoint.status !== "enabled" || throttleOf(endpointId) !== null) return 0;
      const gate = breakers.gate(endpointId);
      if (gate === "refuse") return 0;
      return gate === "probe" ? Math.min(1, room) : room;
    },
    later(endpoint, why) {
      const nowMs = now();
      // The owner lets nothing go to an endpoint that is not enabled: the row may be due at once.
      if (endpoint.status !== "enabled") return { reason: endpoint.status, dueAtMs: nowMs };
      if (why === "busy") {
        return { reason: "busy", dueAtMs: nowMs + Math.max(busyDelayMs, tokenDelayMs(endpoint)) };
      }
      const throttle = throttleOf(endpoint.id);
      if (throttle !== null) return { reason: "throttled", dueAtMs: throttle };
      return { reason: "breaker", dueAtMs: breakers.openUntilMs(endpoint.id) ?? nowMs + breakerDelayMs };
    },
    throttle: (endpointId, untilMs) => void throttledUntil.set(endpointId, untilMs),
    evictIdle(idleMs) {
      const nowMs = now();
      for (const [id, bucket] of buckets) if (nowMs - bucket.filledAtMs > idleMs) buckets.delete(id);
      for (const [id, untilMs] of throttledUntil) if (untilMs < nowMs) throttledUntil.delete(id);
    },
  };
}
