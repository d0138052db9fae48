import { setTimeout as delay } from "node:timers/promises";
import type { Admin } from "kafkajs";
import { brokerErrorType, isUnreached } from "./errors.ts";

/**
 * What a broker says that has just been given a partition or a group, or has given it away. It passes by itself: a topic that was
 * just made, the first group of a cluster, a restart.
 */
const settling: ReadonlySet<string> = new Set([
  "LEADER_NOT_AVAILABLE",
  "NOT_LEADER_FOR_PARTITION",
  "GROUP_COORDINATOR_NOT_AVAILABLE",
  "GROUP_LOAD_IN_PROGRESS",
  "NOT_COORDINATOR_FOR_GROUP",
]);
/** And of a topic that it has acknowledged, before it has heard of it. */
const unheardOf = "UNKNOWN_TOPIC_OR_PARTITION";

/** Whether a moment helps. A broker that died is named by metadata until the others have taken over what it had, 9 s by default. */
function settles(error: unknown): boolean {
  return settling.has(brokerErrorType(error) ?? "") || isUnreached(error);
}

const patienceMs = 20_000;
const firstWaitMs = 50;
const longestWaitMs = 1_000;

/**
 * Asks again while brokers settle. kafkajs gives some questions one try and others five, which a slow disk outlasts.
 * @param refresh looks up anew who leads; before each further try.
 * @throws what `ask` rejects with, when it is something else or goes on for `deadlineMs`.
 */
export function whileBrokersSettle<T>(
  ask: () => Promise<T>,
  refresh?: () => Promise<unknown>,
  deadlineMs = patienceMs,
): Promise<T> {
  return askAgain(ask, settles, deadlineMs, refresh);
}

/**
 * Asks again while the broker that is asked has not heard of a topic. Of several, one acknowledges a topic before the others have heard
 * of it; and kafkajs asks for all topics that it was ever told of, whatever it is about to do.
 */
export function whileUnheardOf<T>(ask: () => Promise<T>, deadlineMs: number): Promise<T> {
  return askAgain(ask, (error) => brokerErrorType(error) === unheardOf, deadlineMs);
}

async function askAgain<T>(
  ask: () => Promise<T>,
  helps: (error: unknown) => boolean,
  deadlineMs: number,
  refresh: () => Promise<unknown> = () => Promise.resolve(),
): Promise<T> {
  const endMs = performance.now() + deadlineMs;
  for (let waitMs = firstWaitMs; ; waitMs = Math.min(waitMs * 2, longestWaitMs)) {
    try {
      return await ask();
    } catch (error) {
      if (!helps(error) || performance.now() > endMs) throw error;
      await delay(waitMs);
      // When it fails, so does the next try, which says why.
      await refresh().catch(() => undefined);
    }
  }
}

/**
 * Resolves when every partition of new topics is served. kafkajs' own wait gives up at once where the broker does not know the topic
 * yet; and a leader that the metadata names already may still refuse to be one for a moment.
 * @throws the broker's last word after `deadlineMs`.
 */
export async function waitUntilServed(
  admin: Pick<Admin, "fetchTopicMetadata" | "fetchTopicOffsets">,
  topics: readonly string[],
  deadlineMs: number,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  const hasLeaders = async (): Promise<boolean> => {
    try {
      const found = await admin.fetchTopicMetadata({ topics: [...topics] });
      return found.topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0));
    } catch (error) {
      const helps = settles(error) || brokerErrorType(error) === unheardOf;
      if (!helps || performance.now() > end) throw error;
      return false;
    }
  };
  while (!(await hasLeaders())) {
    if (performance.now() > end) throw new Error("Partitions of the new topics have no leader");
    await delay(firstWaitMs);
  }
  for (const topic of topics) {
    const offsets = () => whileBrokersSettle(() => admin.fetchTopicOffsets(topic));
    await whileUnheardOf(offsets, deadlineMs);
  }
}

/**
 * Resolves when the broker shows what it was told: a change is acknowledged by the controller a moment before the broker
 * that answers questions has heard of it. Gives up silently after `deadlineMs`: the change itself was taken.
 */
export async function waitUntilSeen(isSeen: () => Promise<boolean>, deadlineMs: number): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (performance.now() < end && !(await isSeen())) await delay(firstWaitMs);
}
