import { setTimeout as delay } from "node:timers/promises";
import type { Admin } from "kafkajs";
import { brokerErrorType } from "./errors.ts";

/** What a broker says of a topic that it has created and does not serve yet. */
const notYet: ReadonlySet<string> = new Set(["UNKNOWN_TOPIC_OR_PARTITION", "LEADER_NOT_AVAILABLE"]);

/**
 * Resolves when every partition of the topics has a leader. kafkajs' own wait gives up at once where the broker does not
 * know the topic yet, as one under load does for a moment after it has created it.
 * @throws the broker's last word after `deadlineMs`.
 */
export async function waitForLeaders(
  admin: Pick<Admin, "fetchTopicMetadata">,
  topics: readonly string[],
  deadlineMs: number,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    try {
      const found = await admin.fetchTopicMetadata({ topics: [...topics] });
      if (found.topics.every(({ partitions }) => partitions.every(({ leader }) => leader >= 0))) return;
      if (performance.now() > end) throw new Error("Partitions of the new topics have no leader");
    } catch (error) {
      if (!notYet.has(brokerErrorType(error) ?? "") || performance.now() > end) throw error;
    }
    await delay(50);
  }
}

/**
 * Resolves when the broker shows what it was told: a change is acknowledged by the controller a moment before the broker
 * that answers questions has heard of it. Gives up silently after `deadlineMs`: the change itself was taken.
 */
export async function waitUntilSeen(isSeen: () => Promise<boolean>, deadlineMs: number): Promise<void> {
  const end = performance.now() + deadlineMs;
  while (performance.now() < end && !(await isSeen())) await delay(50);
}
