import { createRequire } from "node:module";
import kafkajs, { type Assigner, type Cluster } from "kafkajs";

/**
 * kafkajs has no hook before a rebalance, cannot tell to which generation a batch belongs, and keeps positions of its own.
 * This module wraps three methods of its ConsumerGroup: what joins, what fetches, and what sends heartbeats. kafkajs keeps the
 * protocol of the group, the connections and the recovery from errors; the fetching is ours. `kafkajs.test.ts` fails when what it relies on changes.
 */
const require = createRequire(import.meta.url);

/** The parts of kafkajs' ConsumerGroup that we rely on. */
export interface ConsumerGroup {
  readonly groupId: string;
  memberId: string | null;
  readonly generationId: number | null;
  readonly assigners: readonly Assigner[];
  readonly cluster: Cluster;
  coordinator: Coordinator | null;
  /** When the last heartbeat was answered, Unix milliseconds. */
  readonly lastRequest: number;
  /** Null before the first join. */
  readonly offsetManager: {
    /** The same as the group's. */
    coordinator: Coordinator;
    /** Fills in the group's committed offsets, or the earliest ones where it has none. */
    resolveOffsets(): Promise<void>;
    committedOffsets(): Record<string, Record<number, string> | undefined>;
  } | null;
  assigned(): { topic: string; partitions: number[] }[];
  /** Throws what makes `recoverFromFetch` join again when a topic has got new partitions. */
  checkForStaleAssignment(): void;
  commitOffsets(offsets: {
    topics: { topic: string; partitions: { partition: number; offset: string }[] }[];
  }): Promise<void>;
  joinAndSync(): Promise<void>;
  /** Sends one when the last is `interval` milliseconds old. Every fetch ends with it. */
  heartbeat(options: { readonly interval: number }): Promise<void>;
  fetch(nodeId: string): Promise<unknown[]>;
  /** Repairs the connection or the metadata, or throws the error again. */
  recoverFromFetch(error: unknown): Promise<void>;
}

export interface Coordinator {
  heartbeat(request: HeartbeatRequest): Promise<unknown>;
}

interface HeartbeatRequest {
  readonly groupId: string;
  readonly memberId: string | null;
  readonly groupGenerationId: number | null;
}

export interface GroupHooks {
  /** Before every join: finish and commit the work of the generation that ends. Must not reject. */
  beforeJoin(group: ConsumerGroup): Promise<void>;
  /**
   * Fetches from one broker and hands over what came, or waits a little. Called again and again, for each broker on its
   * own; between the calls kafkajs sends its heartbeats and notices rebalances. A rejection goes to kafkajs' recovery.
   */
  fetch(group: ConsumerGroup, nodeId: string): Promise<void>;
  /** In place of a heartbeat, which `beat` sends when it is due. A rejection ends the generation. */
  heartbeat(group: ConsumerGroup, beat: () => Promise<void>): Promise<void>;
}

/** An assigner carries its consumer's hooks: it is the only object of ours that reaches kafkajs' ConsumerGroup. */
export type HookedAssigner = Assigner & { readonly hooks?: GroupHooks };

export const ConsumerGroupClass = require("kafkajs/src/consumer/consumerGroup.js") as {
  prototype: ConsumerGroup;
};

function hooksOf(group: ConsumerGroup): GroupHooks | undefined {
  return (group.assigners as readonly HookedAssigner[]).find((assigner) => assigner.hooks)?.hooks;
}

/** The methods as kafkajs has them, kept before they are replaced. */
const join = originalOf("joinAndSync");
const fetch = originalOf("fetch");
const heartbeat = originalOf("heartbeat");

function originalOf<M extends "joinAndSync" | "fetch" | "heartbeat">(
  method: M,
): (group: ConsumerGroup, ...args: Parameters<ConsumerGroup[M]>) => ReturnType<ConsumerGroup[M]> {
  const kept: unknown = Reflect.get(ConsumerGroupClass.prototype, method);
  if (typeof kept !== "function") {
    throw new Error(`kafkajs' ConsumerGroup has no ${method}: its version is not the pinned one`);
  }
  return (group, ...args) => Reflect.apply(kept, group, args) as ReturnType<ConsumerGroup[M]>;
}

ConsumerGroupClass.prototype.joinAndSync = async function joinAfterDrain(this: ConsumerGroup): Promise<void> {
  await hooksOf(this)?.beforeJoin(this);
  await join(this).catch((error: unknown) => {
    throw isWithoutCoordinator(error) ? new kafkajs.KafkaJSError(error.message) : error;
  });
};

/**
 * A broker that starts, or is busy, knows no coordinator for some seconds. kafkajs asks five times, then calls the error
 * final and stops its consumer for good; as a retriable error it restarts the consumer instead.
 */
function isWithoutCoordinator(error: unknown): error is Error {
  return error instanceof Error && error.name === "KafkaJSGroupCoordinatorNotFound";
}

ConsumerGroupClass.prototype.fetch = async function fetchOurselves(
  this: ConsumerGroup,
  nodeId: string,
): Promise<unknown[]> {
  const hooks = hooksOf(this);
  if (!hooks) return fetch(this, nodeId);
  try {
    await hooks.fetch(this, nodeId);
  } catch (error) {
    await this.recoverFromFetch(error);
  }
  return [];
};

ConsumerGroupClass.prototype.heartbeat = async function heartbeatOurselves(
  this: ConsumerGroup,
  options: { readonly interval: number },
): Promise<void> {
  const beat = (): Promise<void> => heartbeat(this, options);
  await (hooksOf(this)?.heartbeat(this, beat) ?? beat());
};
