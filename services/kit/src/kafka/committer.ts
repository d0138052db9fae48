import type { Logger } from "../logger.ts";
import { brokerErrorType, messageOf } from "./errors.ts";
import type { ConsumerGroup } from "./group-hooks.ts";
import type { GroupMetrics } from "./kafka-metrics.ts";
import type { Membership } from "./membership.ts";
import type { Commit, OffsetTracker } from "./offset-tracker.ts";

export interface CommitterDeps {
  readonly tracker: OffsetTracker;
  /** The group whose assignment the tracker holds; undefined between assignments. */
  readonly group: () => ConsumerGroup | undefined;
  /** Told of each failure: that the coordinator is away is said there. */
  readonly membership: Pick<Membership, "failed">;
  readonly logger: Logger;
  readonly metrics: GroupMetrics;
}

export interface Committer {
  /**
   * Commits what changed, all partitions in one request, one request at a time. A failure is not repeated here: the next
   * commit says the same or more.
   * @returns false when the broker says that we are no longer a member of this generation.
   */
  commit(): Promise<boolean>;
  /** Commits every `intervalMs` until stopped. */
  start(intervalMs: number): void;
  stop(): void;
}

/** Normal while a group rebalances; not worth a warning. */
const expected: ReadonlySet<string | undefined> = new Set(["REBALANCE_IN_PROGRESS"]);
const membershipLost: ReadonlySet<string | undefined> = new Set([
  "UNKNOWN_MEMBER_ID",
  "ILLEGAL_GENERATION",
  "FENCED_INSTANCE_ID",
]);

/**
 * Offsets go through the group object of their own generation, so that the broker refuses them when it is over.
 * kafkajs' public commitOffsets() would return silently when its consumer is not running.
 */
export function createCommitter({ tracker, group, membership, logger, metrics }: CommitterDeps): Committer {
  let committing: Promise<boolean> | undefined;
  let timer: NodeJS.Timeout | undefined;

  async function commitNow(to: ConsumerGroup, commits: readonly Commit[]): Promise<boolean> {
    const startedAt = performance.now();
    try {
      await to.commitOffsets({ topics: byTopic(commits) });
    } catch (error) {
      const type = brokerErrorType(error);
      metrics.commitFailed();
      const fields = { event: "consumer.commit-failed", err: error, type };
      if (membership.failed(to, error) || expected.has(type)) logger.debug(fields, messageOf(error));
      else logger.warn(fields, `Commit failed: ${messageOf(error)}`);
      return !membershipLost.has(type);
    }
    tracker.committed(commits);
    metrics.committed((performance.now() - startedAt) / 1000);
    return true;
  }

  async function commit(): Promise<boolean> {
    while (committing) await committing;
    const to = group();
    const commits = tracker.committable();
    if (!to || commits.length === 0) return true;
    committing = commitNow(to, commits).finally(() => {
      committing = undefined;
    });
    return committing;
  }

  return {
    commit,
    start: (intervalMs) => {
      // A commit that hangs with its connection must not pile up others behind it.
      timer = setInterval(() => void (committing ?? commit()), intervalMs);
    },
    stop: () => clearInterval(timer),
  };
}

function byTopic(commits: readonly Commit[]) {
  return [...Map.groupBy(commits, (commit) => commit.topic)].map(([topic, partitions]) => ({
    topic,
    partitions: partitions.map(({ partition, offset }) => ({ partition, offset: String(offset) })),
  }));
}
