import type { Endpoint } from "./endpoint.ts";
import type { Notice } from "./notice.ts";

/** What is known of an endpoint in trouble. A healthy endpoint has none. */
export interface Health {
  readonly endpointId: string;
  readonly partition: number;
  /** Unix ms since when nothing succeeded. */
  readonly failingSinceMs: number;
  /** Failures since then. */
  readonly failures: number;
  /** Unix ms of the breaker's next probe; null while it is closed. */
  readonly openUntilMs: number | null;
  readonly lastError: string;
  /** When its owner was told; null when not yet. */
  readonly toldAtMs: number | null;
}

/** One exchange as far as its endpoint's health is concerned. */
export interface Symptom {
  readonly endpoint: Endpoint;
  readonly partition: number;
  readonly healthy: boolean;
  /** What went wrong, for people. */
  readonly error: string;
  readonly atMs: number;
}

export interface HealthBook {
  /** @returns a reason to disable the endpoint, or null. */
  record(symptom: Symptom): string | null;
  breakerOpened(endpoint: Endpoint, partition: number, untilMs: number): void;
  breakerClosed(endpointId: string): void;
  forget(endpointId: string): void;
  /** Replaces everything by what the store says, after an assignment. */
  restore(known: readonly Health[]): void;
  /** What changed since the last call: `null` for an endpoint that is well again. */
  changes(): ReadonlyMap<string, Health | null>;
  /** Changes that could not be stored; newer ones win. */
  putBack(changes: ReadonlyMap<string, Health | null>): void;
  get(endpointId: string): Health | undefined;
}

/** An endpoint that failed for so long is disabled. */
export const failingMsMax = 5 * 86_400_000;

/** Who fails, since when, and when to tell or to give up. Pure but for `tell`. */
export function createHealthBook(tell: (notice: Notice) => void): HealthBook {
  const book = new Map<string, Health>();
  let dirty = new Set<string>();

  function write(health: Health): void {
    book.set(health.endpointId, health);
    dirty.add(health.endpointId);
  }

  function recovered(endpoint: Endpoint, known: Health, atMs: number): void {
    book.delete(endpoint.id);
    dirty.add(endpoint.id);
    if (known.toldAtMs !== null) {
      tell({ ...ownersOf(endpoint), type: "endpoint.recovered", sinceMs: known.failingSinceMs, atMs });
    }
  }

  return {
    record({ endpoint, partition, healthy, error, atMs }) {
      const known = book.get(endpoint.id);
      if (healthy) {
        if (known !== undefined) recovered(endpoint, known, atMs);
        return null;
      }
      const failingSinceMs = known?.failingSinceMs ?? atMs;
      write({
        endpointId: endpoint.id,
        partition,
        failingSinceMs,
        failures: (known?.failures ?? 0) + 1,
        openUntilMs: known?.openUntilMs ?? null,
        lastError: error,
        toldAtMs: known?.toldAtMs ?? null,
      });
      if (atMs - failingSinceMs < failingMsMax) return null;
      return `failed for five days, the last time with: ${error}`;
    },
    breakerOpened(endpoint, partition, untilMs) {
      const nowMs = untilMs - endpoint.settings.breaker.openSeconds * 1_000;
      const fresh = { failingSinceMs: nowMs, failures: 0, lastError: "", toldAtMs: null };
      const known = { ...fresh, ...book.get(endpoint.id), endpointId: endpoint.id, partition };
      write({ ...known, openUntilMs: untilMs, toldAtMs: known.toldAtMs ?? nowMs });
      if (known.toldAtMs !== null) return;
      const { failingSinceMs: sinceMs, failures, lastError } = known;
      tell({ ...ownersOf(endpoint), type: "endpoint.failing", sinceMs, failures, lastError, atMs: nowMs });
    },
    breakerClosed(endpointId) {
      const known = book.get(endpointId);
      if (known !== undefined) write({ ...known, openUntilMs: null });
    },
    forget(endpointId) {
      if (book.delete(endpointId)) dirty.add(endpointId);
    },
    restore(known) {
      book.clear();
      dirty.clear();
      for (const health of known) book.set(health.endpointId, health);
    },
    changes() {
      const changed = new Map([...dirty].map((id) => [id, book.get(id) ?? null] as const));
      dirty = new Set();
      return changed;
    },
    putBack(changes) {
      for (const id of changes.keys()) dirty.add(id);
    },
    get: (endpointId) => book.get(endpointId),
  };
}

function ownersOf({ id, applicationId, userId }: Endpoint) {
  return { endpointId: id, applicationId, userId };
}
