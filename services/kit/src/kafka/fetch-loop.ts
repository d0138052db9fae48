import { brokerErrorType, isUnreached } from "./errors.ts";
import { fetchFrom, type FetchLimits, type FetchTarget, type PartitionFetch } from "./fetch/fetch.ts";
import type { ConsumerGroup } from "./group-hooks.ts";
import { createLeaders } from "./leaders.ts";
import type { TopicPartition } from "./types.ts";

export interface FetchLoopDeps {
  /** Asked before each request. */
  readonly limits: () => FetchLimits;
  /** Partitions to fetch now, with the offset that each must start from. */
  readonly wanted: () => readonly FetchTarget[];
  /** What one request brought. Not called when the assignment changed meanwhile. */
  readonly onFetched: (fetches: readonly PartitionFetch[]) => Promise<void> | void;
  /** The offset is not in the log (any more): where to go on instead. */
  readonly onOutOfRange: (partition: TopicPartition, oldest: number) => void;
  /** True while the assignment that the fetch began with is still ours. */
  readonly isCurrent: (group: ConsumerGroup) => boolean;
}

/** One round of fetching from one broker. */
export interface FetchLoop {
  round(group: ConsumerGroup, nodeId: string): Promise<void>;
  /** Ends the waits of rounds that had nothing to fetch. */
  wake(): void;
}

const checkIntervalMs = 1_000;
/** Also how much later the group's loop sees a rebalance; a `resume` ends it at once. */
const nothingToFetchMs = 500;

/** A broker that is away is asked again so often; its partitions are fetched elsewhere once the others have taken them over. */
const awayMs = 200;

/** The leader moved or is not elected yet: new metadata helps. kafkajs would make the whole group join again. */
const staleLeader: ReadonlySet<string | undefined> = new Set([
  "NOT_LEADER_FOR_PARTITION",
  "FENCED_LEADER_EPOCH",
  "UNKNOWN_LEADER_EPOCH",
  "LEADER_NOT_AVAILABLE",
  "REPLICA_NOT_AVAILABLE",
  "KAFKA_STORAGE_ERROR",
  "OFFSET_NOT_AVAILABLE",
]);

export function createFetchLoop(deps: FetchLoopDeps): FetchLoop {
  const leaders = createLeaders();
  const sleepers = new Set<() => void>();
  let turn = 0;
  let checkedAtMs = 0;

  function sleep(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        sleepers.delete(end);
        resolve();
      };
      const timer = setTimeout(end, waitMs);
      sleepers.add(end);
    });
  }

  /** Once a second is often enough to notice new partitions and partitions without a leader. */
  async function check(group: ConsumerGroup, leaderless: boolean): Promise<void> {
    const nowMs = Date.now();
    if (nowMs - checkedAtMs < checkIntervalMs) return;
    checkedAtMs = nowMs;
    await (leaderless ? group.cluster.refreshMetadata() : group.cluster.refreshMetadataIfNecessary());
    group.checkForStaleAssignment();
  }

  function targetsAt(group: ConsumerGroup, nodeId: string): { targets: FetchTarget[]; leaderless: boolean } {
    const targets: FetchTarget[] = [];
    let leaderless = false;
    for (const target of deps.wanted()) {
      const leader = leaders.of(group.cluster, target.topic, target.partition);
      if (leader === nodeId) targets.push(target);
      else if (leader === undefined) leaderless = true;
    }
    return { targets, leaderless };
  }

  async function settleErrors(group: ConsumerGroup, fetches: readonly PartitionFetch[]): Promise<void> {
    let unknown: Error | undefined;
    let stale = false;
    for (const { topic, partition, error } of fetches) {
      if (!error) continue;
      const type = brokerErrorType(error);
      if (type === "OFFSET_OUT_OF_RANGE") {
        const [answer] = await group.cluster.fetchTopicsOffset([
          { topic, partitions: [{ partition }], fromBeginning: true },
        ]);
        const oldest = answer?.partitions[0]?.offset;
        if (oldest !== undefined && deps.isCurrent(group))
          deps.onOutOfRange({ topic, partition }, Number(oldest));
      } else if (staleLeader.has(type)) stale = true;
      else unknown ??= error;
    }
    if (unknown) throw unknown;
    if (!stale) return;
    await group.cluster.refreshMetadata();
    await sleep(deps.limits().waitMs);
  }

  /** kafkajs would stop the fetches from all brokers, and after some tries its whole consumer. */
  async function fetchOrWait(
    group: ConsumerGroup,
    nodeId: string,
    targets: readonly FetchTarget[],
  ): Promise<readonly PartitionFetch[]> {
    try {
      return await fetchFrom(await group.cluster.findBroker({ nodeId }), targets, deps.limits());
    } catch (error) {
      if (!isUnreached(error)) throw error;
      // When nobody answers, nobody leads: the next round finds out.
      await group.cluster.refreshMetadata().catch(() => undefined);
      await sleep(awayMs);
      return [];
    }
  }

  return {
    wake: () => {
      for (const end of sleepers) end();
    },
    round: async (group, nodeId) => {
      const { targets, leaderless } = targetsAt(group, nodeId);
      await check(group, leaderless);
      if (targets.length === 0) return sleep(nothingToFetchMs);
      // The broker fills its answer in the order of the request: each partition comes first in its turn.
      turn = (turn + 1) % targets.length;
      const rotated = turn === 0 ? targets : [...targets.slice(turn), ...targets.slice(0, turn)];
      const fetches = await fetchOrWait(group, nodeId, rotated);
      if (!deps.isCurrent(group)) return;
      await deps.onFetched(fetches);
      if (fetches.some((fetch) => fetch.error)) await settleErrors(group, fetches);
    },
  };
}
