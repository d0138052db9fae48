import { EventEmitter } from "node:events";
import CircuitBreaker from "opossum";
import type { Endpoint } from "../core/endpoint.ts";
import type { Exchange } from "../core/exchange.ts";
import type { Breakers } from "../core/ports.ts";

interface Entry {
  readonly breaker: CircuitBreaker<[() => Promise<Exchange>], Exchange>;
  /** Unix ms of failures within the window, oldest first. */
  failures: number[];
  openUntilMs: number | null;
  usedAtMs: number;
}

export interface BreakerOptions {
  readonly now: () => number;
  /** An exchange that counts as a failure. */
  readonly isFailure: (exchange: Exchange) => boolean;
  readonly onOpen: (endpoint: Endpoint, untilMs: number) => void;
  readonly onClose: (endpoint: Endpoint) => void;
}

export interface OpossumBreakers extends Breakers {
  /** Opens a breaker as another process, or this one before a restart, left it. */
  restore(endpoint: Endpoint, openUntilMs: number): void;
  states(): { readonly open: number; readonly halfOpen: number; readonly closed: number };
  /** Forgets breakers that are closed and have counted nothing for a window. */
  evictIdle(): void;
  forget(endpointId: string): void;
  /** Forgets all: the endpoints may belong to others now. */
  clear(): void;
}

/** Failures older than this are forgotten. */
const windowMs = 60_000;

/** opossum counts rejections: a failed exchange travels through it as one. */
class FailedExchange extends Error {
  readonly exchange: Exchange;

  constructor(exchange: Exchange) {
    super("failed");
    this.exchange = exchange;
  }
}

/**
 * One opossum breaker per endpoint in trouble. It is made at the first failure and forgotten when all is well, so that healthy
 * endpoints cost nothing. opossum opens on a ratio; here failures are counted and `open()` is called.
 */
export function createOpossumBreakers(options: BreakerOptions): OpossumBreakers {
  const entries = new Map<string, Entry>();
  // Its statistics are not used: without an emitter of ours, each breaker would run a timer for them.
  const rotateBucketController = new EventEmitter().setMaxListeners(0);

  function create(endpoint: Endpoint, openUntilMs: number | null = null): Entry {
    const openMs = endpoint.settings.breaker.openSeconds * 1_000;
    const leftMs = openUntilMs === null ? openMs : Math.max(0, openUntilMs - options.now());
    const settings: CircuitBreaker.Options<[() => Promise<Exchange>]> = {
      timeout: false,
      resetTimeout: leftMs,
      // Out of reach: only our own count opens it.
      errorThresholdPercentage: 101,
      rollingCountBuckets: 1,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      rotateBucketController,
      name: endpoint.id,
      ...(openUntilMs === null ? {} : { state: restoredState }),
    };
    const breaker = new CircuitBreaker((post: () => Promise<Exchange>) => post(), settings);
    // It keeps the object: from the next opening on, the whole time counts.
    settings.resetTimeout = openMs;
    const entry: Entry = { breaker, failures: [], openUntilMs, usedAtMs: options.now() };
    breaker.on("open", () => {
      entry.openUntilMs = options.now() + openMs;
      options.onOpen(endpoint, entry.openUntilMs);
    });
    breaker.on("close", () => {
      entry.openUntilMs = null;
      entry.failures = [];
      options.onClose(endpoint);
    });
    entries.set(endpoint.id, entry);
    return entry;
  }

  function count(endpoint: Endpoint, entry: Entry): void {
    const nowMs = options.now();
    entry.usedAtMs = nowMs;
    entry.failures = [...entry.failures.filter((at) => at > nowMs - windowMs), nowMs].slice(-failuresMax);
    if (entry.breaker.closed && entry.failures.length >= endpoint.settings.breaker.failures) {
      entry.breaker.open();
    }
  }

  async function runThrough(
    entry: Entry,
    endpoint: Endpoint,
    post: () => Promise<Exchange>,
  ): Promise<Exchange> {
    try {
      const exchange = await entry.breaker.fire(async () => {
        const answer = await post();
        if (options.isFailure(answer)) throw new FailedExchange(answer);
        return answer;
      });
      entry.failures = [];
      return exchange;
    } catch (error) {
      if (!(error instanceof FailedExchange)) throw error;
      count(endpoint, entries.get(endpoint.id) ?? create(endpoint));
      return error.exchange;
    }
  }

  function drop(id: string, entry: Entry): void {
    entry.breaker.shutdown();
    entries.delete(id);
  }

  return {
    gate(endpointId) {
      const entry = entries.get(endpointId);
      if (entry === undefined || entry.breaker.closed) return "go";
      return entry.breaker.pendingClose ? "probe" : "refuse";
    },
    run(endpoint, post) {
      const entry = entries.get(endpoint.id);
      // What was begun before the breaker opened, or came between its gate and here, is sent beside it.
      if (entry !== undefined && (entry.breaker.closed || entry.breaker.pendingClose)) {
        return runThrough(entry, endpoint, post);
      }
      return post().then((exchange) => {
        if (options.isFailure(exchange)) count(endpoint, entries.get(endpoint.id) ?? create(endpoint));
        return exchange;
      });
    },
    openUntilMs: (endpointId) => entries.get(endpointId)?.openUntilMs ?? null,
    restore(endpoint, openUntilMs) {
      if (!entries.has(endpoint.id)) create(endpoint, openUntilMs);
    },
    states() {
      const states = { open: 0, halfOpen: 0, closed: 0 };
      for (const { breaker } of entries.values()) {
        states[breaker.opened ? "open" : breaker.halfOpen ? "halfOpen" : "closed"] += 1;
      }
      return states;
    },
    evictIdle() {
      const nowMs = options.now();
      for (const [id, entry] of entries) {
        if (entry.breaker.closed && nowMs - entry.usedAtMs >= windowMs) drop(id, entry);
      }
    },
    forget(endpointId) {
      const entry = entries.get(endpointId);
      if (entry !== undefined) drop(endpointId, entry);
    },
    clear() {
      for (const [id, entry] of entries) drop(id, entry);
    },
  };
}

/** The count is compared with a limit of at most 100. */
const failuresMax = 100;

/** Open since now: `resetTimeout` is what is left of its time. */
const restoredState = {
  name: "",
  enabled: true,
  closed: false,
  open: true,
  halfOpen: false,
  warmUp: false,
  shutdown: false,
};
