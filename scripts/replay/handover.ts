import type { KafkaAdmin } from "@ethhook/kit";
import type { Pool } from "@ethhook/kit/postgres";
import type { EndpointMatcher } from "@ethhook/matcher/rematch";

/** A log as it stands in its topic. */
export interface PlacedLog {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly chainId: number;
  readonly sequence: number;
}

/** Who tells the endpoint of a log: the live matcher, or the one who matches the past again. */
export interface Handover {
  /** Resolves once it is certain. A log that the live matcher has not met yet makes it wait. */
  isLive(log: PlacedLog): Promise<boolean>;
}

const pollMs = 500;
/** It alone records versions; the groups that wait for finality follow it. */
const group = "matcher.latest";

/**
 * Finds where the live tail takes over, partition by partition, so that there is neither a gap nor a double.
 * A matcher records, before it first uses a version, from which ledger sequence of a partition on it does. A log from there
 * on is live. Before the filter was written no log is. In between it depends on when that matcher heard of the filter: then
 * what it recorded is waited for, or that it went past the log without recording anything.
 */
export function createHandover(
  endpoint: Pick<EndpointMatcher, "version" | "createdAtMs">,
  deps: {
    readonly pool: Pool;
    readonly admin: Pick<KafkaAdmin, "committedOffsets">;
    pause(ms: number): Promise<void>;
    stopping(): boolean;
    onWaiting(what: string): void;
  },
): Handover {
  const begins = new Map<string, number>();
  const passed = new Map<string, number>();
  const keyOf = ({ chainId, partition }: PlacedLog) => `${chainId}:${partition}`;

  /** From which sequence on the partition is matched with the filter; undefined while nothing is recorded. */
  async function beginOf(log: PlacedLog): Promise<number | undefined> {
    const key = keyOf(log);
    const known = begins.get(key);
    if (known !== undefined) return known;
    const { rows } = await deps.pool.query<{ sequence: number | null }>(
      `SELECT min(from_sequence) AS sequence FROM matcher_epochs
       WHERE group_id = $1 AND chain_id = $2 AND partition = $3 AND version >= $4`,
      [group, log.chainId, log.partition, endpoint.version],
    );
    const sequence = rows[0]?.sequence ?? undefined;
    if (sequence !== undefined) begins.set(key, sequence);
    return sequence;
  }

  /** Whether the live matcher has gone past a log. */
  async function isPassed(log: PlacedLog): Promise<boolean> {
    const key = keyOf(log);
    if ((passed.get(key) ?? 0) > log.offset) return true;
    const offsets = await deps.admin.committedOffsets(group, [log.topic]);
    const committed = offsets.find(({ partition }) => partition === log.partition)?.offset ?? 0;
    passed.set(key, committed);
    return committed > log.offset;
  }

  return {
    async isLive(log) {
      const known = begins.get(keyOf(log));
      if (known !== undefined) return log.sequence >= known;
      if (log.timestampMs < endpoint.createdAtMs) return false;
      for (;;) {
        // In this order: what was recorded before the matcher went past is then seen.
        const gone = await isPassed(log);
        const begin = await beginOf(log);
        if (begin !== undefined) return log.sequence >= begin;
        if (gone || deps.stopping()) return false;
        deps.onWaiting(`${group} has not met ${log.topic}:${log.partition}@${log.offset} yet`);
        await deps.pause(pollMs);
      }
    },
  };
}
