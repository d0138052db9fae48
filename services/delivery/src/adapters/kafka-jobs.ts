import type { Batch, Logger } from "@ethhook/kit";
import { deliveryCodec } from "@ethhook/schemas";
import type { Job } from "../core/job.ts";

/** What a fetched batch holds. */
export interface Decoded {
  readonly jobs: readonly Job[];
  /** The offset of the first record that a newer version wrote: the partition must stop there. */
  readonly newerFrom: number | null;
}

export interface JobsContext {
  readonly replayTopic: string;
  readonly nowMs: number;
  /** Unix ms, when this process became the owner. */
  readonly assignedAtMs: number;
  readonly logger: Logger;
}

/** A record that was written later than this after we became the owner cannot have been begun by anyone before, whatever the clocks say. */
const clockSkewMs = 5_000;

/**
 * Jobs of a batch. A record that no version can read is settled and logged: nothing can be sent of it. One of a newer version ends
 * the batch.
 */
export function jobsOf(batch: Batch, { replayTopic, nowMs, assignedAtMs, logger }: JobsContext): Decoded {
  const jobs: Job[] = [];
  // Not the batch itself: a job would keep the bytes of all its records.
  const { isCurrent, settle } = batch;
  const replay = batch.topic === replayTopic;
  for (const { offset, value, timestampMs } of batch.records) {
    const decoded = deliveryCodec.decode(value);
    if (decoded.ok) {
      jobs.push({
        delivery: decoded.value,
        replay,
        partition: batch.partition,
        offset,
        bytes: value?.length ?? 0,
        takenAtMs: nowMs,
        fresh: timestampMs > assignedAtMs + clockSkewMs,
        stored: false,
        orderKey: "",
        settle: () => settle(offset),
        isCurrent,
      });
      continue;
    }
    const { topic, partition } = batch;
    logger.error({ event: "delivery.unreadable", topic, partition, offset }, decoded.reason);
    if (decoded.problem === "newer") return { jobs, newerFrom: offset };
    settle(offset);
  }
  return { jobs, newerFrom: null };
}
