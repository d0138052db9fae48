import { createRequire } from "node:module";
import type { Socket } from "node:net";
import { endWhenSilent } from "./silent-brokers.ts";

/**
 * Corrections to kafkajs 2.2.4, which is no longer maintained and pinned exactly. Each names the fault it repairs;
 * `kafkajs.test.ts` fails when the code that they replace changes.
 */
const require = createRequire(import.meta.url);

/** The parts of kafkajs' classes that the corrections rely on. */
export interface RequestQueue {
  pending: unknown[];
  throttledUntil: number;
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  checkPendingRequests(): void;
  enforceRequestTimeout: boolean;
  inflight: Map<number, { sentAt: number; requestTimeout: number; timeoutRequest(): void }>;
  requestTimeoutIntervalId: NodeJS.Timeout | null;
  isConnected(): boolean;
  destroy(): void;
  /** Ours: ends the connection, whose requests then reject. */
  giveUp?: () => void;
}

export const RequestQueueClass = require("kafkajs/src/network/requestQueue/index.js") as {
  prototype: RequestQueue & { scheduleCheckPendingRequests(): void; scheduleRequestTimeoutCheck(): void };
};

const pendingCheckMs = 10;

/**
 * The original arms a timer on every response, with a negative delay when nothing is throttled: a 1 ms timer per
 * connection for ever (idle CPU, `TimeoutNegativeWarning`). A timer is needed only while requests wait.
 */
RequestQueueClass.prototype.scheduleCheckPendingRequests = function scheduleWhenPending(
  this: RequestQueue,
): void {
  if (this.throttleCheckTimeoutId || this.pending.length === 0) return;
  const throttledMs = this.throttledUntil - Date.now();
  this.throttleCheckTimeoutId = setTimeout(
    () => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    },
    throttledMs > 0 ? throttledMs : pendingCheckMs,
  );
};

/** A request that is not answered is noticed up to so much later than its timeout. */
const timeoutCheckMs = 1_000;

/**
 * The original looks ten times a second, per connection: most of the wake-ups of a process with nothing to do. And it goes on with a
 * connection on which nothing is answered, as to a host that lost its power: it counts as connected, so that it is chosen again and again
 * to be asked who leads now. A broker answers in the order of the requests: when the oldest is late, no other one is answered either.
 */
RequestQueueClass.prototype.scheduleRequestTimeoutCheck = function scheduleSlowly(this: RequestQueue): void {
  if (!this.enforceRequestTimeout) return;
  this.destroy();
  let lookedAtMs = Date.now();
  this.requestTimeoutIntervalId = setInterval(() => {
    const nowMs = Date.now();
    // A process that stood still itself has answers to read first.
    const wasAway = nowMs - lookedAtMs > 2 * timeoutCheckMs;
    lookedAtMs = nowMs;
    if (wasAway) return;
    const late = [...this.inflight.values()].filter(
      (request) => nowMs - request.sentAt > request.requestTimeout,
    );
    const [oldest] = this.inflight.values();
    if (this.giveUp && oldest && late.includes(oldest)) this.giveUp();
    else for (const request of late) request.timeoutRequest();
    if (!this.isConnected()) this.destroy();
  }, timeoutCheckMs);
};

/** One of the two connections to a broker: the second one is for fetches, and opened by the first of them. */
interface Connection {
  readonly requestQueue: RequestQueue;
  readonly socket?: Socket;
  isConnected(): boolean;
  connect(): Promise<unknown>;
}

export const ConnectionPoolClass = require("kafkajs/src/network/connectionPool.js") as {
  prototype: { pool: Connection[]; getConnection(index?: number): Promise<Connection> };
};

/** Connections that are being opened. */
const opening = new WeakMap<Connection, Promise<unknown>>();

/** The original opens another socket for each request that comes before the first one is connected, and loses all but the last. */
ConnectionPoolClass.prototype.getConnection = async function getOnlyConnection(
  this: { readonly pool: readonly Connection[] },
  index = 0,
): Promise<Connection> {
  const connection = this.pool[index];
  if (connection === undefined) throw new RangeError(`a pool has no connection ${index}`);
  if (connection.isConnected()) return connection;
  endWhenSilent(connection);
  const opened = opening.get(connection) ?? connection.connect().finally(() => opening.delete(connection));
  opening.set(connection, opened);
  await opened;
  return connection;
};
