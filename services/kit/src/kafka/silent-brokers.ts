import { createRequire } from "node:module";
import type { Socket } from "node:net";
import type { RequestQueue } from "./patches.ts";

/**
 * Corrections to kafkajs 2.2.4 for a broker that is gone without a word, as with its host's power or a frozen machine: its connections
 * stand, or can even be opened, and nothing is answered. kafkajs asks any connected broker who leads and who coordinates, this one too,
 * and everything waits for it. `kafkajs.test.ts` fails when the code that they replace changes.
 */
const require = createRequire(import.meta.url);

interface Connection {
  readonly requestQueue: RequestQueue;
  readonly socket?: Socket;
}

interface PooledBroker {
  readonly connectionPool: { readonly pool: readonly Connection[] };
  isConnected(): boolean;
}

type Question<T> = (asked: { readonly nodeId: string; readonly broker: PooledBroker }) => Promise<T>;

interface BrokerPool {
  readonly brokers: Readonly<Record<string, PooledBroker>>;
  findBroker(wanted: { readonly nodeId: string }): Promise<PooledBroker>;
  findConnectedBroker(): Promise<PooledBroker>;
  withBroker<T>(question: Question<T>): Promise<T | null>;
}

export const BrokerPoolClass = require("kafkajs/src/cluster/brokerPool.js") as { prototype: BrokerPool };

/** A request without an answer for this long, or a connection that was given up this short a time ago, and others are asked first. */
const silentAfterMs = 1_500;
const silentForMs = 15_000;

const gaveUpAtMs = new WeakMap<RequestQueue, number>();

/** Makes the connection one that ends when its oldest request is late. */
export function endWhenSilent(connection: Connection): void {
  const { requestQueue } = connection;
  requestQueue.giveUp ??= () => {
    gaveUpAtMs.set(requestQueue, Date.now());
    connection.socket?.destroy(new Error("no answer to a request"));
  };
}

/** Also while a join waits for other members: a question would wait behind it. */
export function isSilent({ connectionPool }: PooledBroker): boolean {
  const nowMs = Date.now();
  return connectionPool.pool.some(({ requestQueue }) => {
    const [oldest] = requestQueue.inflight.values();
    if (oldest && nowMs - oldest.sentAt > silentAfterMs) return true;
    return nowMs - (gaveUpAtMs.get(requestQueue) ?? Number.NEGATIVE_INFINITY) < silentForMs;
  });
}

/** Numbers of the pool's brokers in the order in which to ask them. */
function inOrder(pool: BrokerPool): string[] {
  const cost = (broker: PooledBroker): number =>
    (isSilent(broker) ? 2 : broker.isConnected() ? 0 : 1) + Math.random();
  return Object.entries(pool.brokers)
    .map(([nodeId, broker]) => ({ nodeId, at: cost(broker) }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ nodeId }) => nodeId);
}

const { findConnectedBroker, withBroker } = BrokerPoolClass.prototype;

/** Who is asked for metadata. */
BrokerPoolClass.prototype.findConnectedBroker = async function findOneThatAnswers(
  this: BrokerPool,
): Promise<PooledBroker> {
  for (const nodeId of inOrder(this)) {
    const broker = await this.findBroker({ nodeId }).catch(() => undefined);
    if (broker) return broker;
  }
  // It begins anew with an address that was configured, and says why when that fails too.
  return findConnectedBroker.call(this);
};

/** Who is asked for a coordinator, until one knows it. The original gives up at the first broker that cannot be reached. */
BrokerPoolClass.prototype.withBroker = async function askOneThatAnswers<T>(
  this: BrokerPool,
  question: Question<T>,
): Promise<T | null> {
  let wasReached = false;
  for (const nodeId of inOrder(this)) {
    const broker = await this.findBroker({ nodeId }).catch(() => undefined);
    if (!broker) continue;
    wasReached = true;
    try {
      return await question({ nodeId, broker });
    } catch {
      // As in the original: null says that nobody knows.
    }
  }
  return wasReached ? null : withBroker.call<BrokerPool, [Question<T>], Promise<T | null>>(this, question);
};
