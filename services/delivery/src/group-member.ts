import type { Batch, Consumer, Logger, PartitionStart, TopicPartition } from "@ethhook/kit";
import { PipelineError } from "@ethhook/schemas";
import { jobsOf } from "./adapters/kafka-jobs.ts";
import type { PostgresOrders } from "./adapters/postgres-orders.ts";
import type { Pipeline } from "./pipeline.ts";
import type { ReleaseLoop } from "./release-loop.ts";
import type { TroubleKeeper } from "./trouble-keeper.ts";

export interface GroupMember {
  start(): Promise<void>;
  stop(): Promise<void>;
  assigned(): boolean;
  /** Why partitions stand still: records of a newer version. Empty when none does. */
  standstills(): readonly string[];
  readonly crashed: Promise<Error>;
}

/** What a member needs of the pipeline. */
export interface MemberPipeline extends Pick<Pipeline, "withdraw"> {
  readonly dispatcher: Pick<Pipeline["dispatcher"], "open" | "secure" | "stats">;
  readonly intake: Pick<Pipeline["intake"], "take">;
  readonly sequencer: Pick<Pipeline["sequencer"], "restore" | "read">;
  readonly removals: Pick<Pipeline["removals"], "restore">;
}

export interface GroupMemberDeps {
  readonly consumer: Consumer;
  readonly replayTopic: string;
  readonly pipeline: MemberPipeline;
  readonly releaseLoop: Pick<ReleaseLoop, "assigned">;
  readonly trouble: Pick<TroubleKeeper, "assigned" | "flush">;
  readonly orders: Pick<PostgresOrders, "heads" | "takenBack">;
  /** Where each partition of the live topic ends now. */
  readonly ends: () => Promise<ReadonlyMap<number, number>>;
  readonly now: () => number;
  readonly logger: Logger;
}

/** Deliveries and bytes that wait for their lanes, over all partitions. */
const queuedMax = 2_000;
/**
 * The same while the pool has no free place: then more would only grow old in memory. A tenth of a second's work at full rate
 * outlasts the next fetch.
 */
const queuedMaxSaturated = 300;
const queuedBytesMax = 8 * 1_048_576;

/** How often a full memory is looked at again. */
const fetchAgainMs = 10;
/** Left of a drain's time for the commit. */
const settleMarginMs = 500;
const restoreAgainMs = 1_000;

/** This process as a member of the group: what it does when partitions come and go. */
export function createGroupMember(deps: GroupMemberDeps): GroupMember {
  const { consumer, pipeline, logger, now } = deps;
  const { dispatcher, intake, sequencer, removals } = pipeline;
  let held: readonly TopicPartition[] = [];
  /** Runs only while partitions are held: a hundred wake-ups a second are too many for a process with nothing to do. */
  let holding: NodeJS.Timeout | undefined;
  /** Partitions with a record of a newer version, and why they stand still: only an upgrade moves them on. */
  const newer = new Map<string, string>();
  let assignedAtMs = 0;
  /** Raised with each assignment and revocation: what was begun for an earlier one is void. */
  let epoch = 0;
  const crash = Promise.withResolvers<Error>();

  function onBatch(batch: Batch): void {
    const { jobs, newerFrom } = jobsOf(batch, {
      replayTopic: deps.replayTopic,
      nowMs: now(),
      assignedAtMs,
      logger,
    });
    intake.take(jobs);
    const last = batch.records.at(-1);
    if (last && batch.topic !== deps.replayTopic) sequencer.read(batch.partition, last.offset + 1);
    if (full(1)) hold();
    if (newerFrom === null) return;
    consumer.pause(batch);
    const name = nameOf(batch);
    const reason = `${name}@${newerFrom} was written by a newer version: upgrade this process`;
    newer.set(name, reason);
    logger.error({ event: "delivery.newer" }, new PipelineError("MESSAGE_NEWER", "crash", reason).message);
  }

  /** Whether more waits in memory than this share of the limits. */
  function full(share: number): boolean {
    const { queued, queuedBytes, saturated } = dispatcher.stats;
    const most = saturated ? queuedMaxSaturated : queuedMax;
    return queued > most * share || queuedBytes > queuedBytesMax * share;
  }

  /** Endpoints in trouble do not wait here, they are parked: a full memory means that this process is at its own limit. */
  function hold(): void {
    if (held.length > 0) return;
    held = consumer.assigned();
    for (const partition of held) consumer.pause(partition);
    holding = setInterval(letGo, fetchAgainMs);
  }

  function released(): readonly TopicPartition[] {
    const mine = held;
    held = [];
    clearInterval(holding);
    return mine;
  }

  function letGo(): void {
    if (full(0.5)) return;
    for (const partition of released()) if (!newer.has(nameOf(partition))) consumer.resume(partition);
  }

  async function onAssigned(given: readonly PartitionStart[]): Promise<void> {
    epoch += 1;
    released();
    newer.clear();
    assignedAtMs = now();
    const partitions = [...new Set(given.map(({ partition }) => partition))];
    await deps.trouble.assigned(partitions).catch((error: unknown) => {
      // A Postgres that is away must not stop endpoints that are well.
      logger.warn({ event: "health.unreadable", err: error }, "endpoints in trouble are not known");
    });
    await deps.releaseLoop.assigned(partitions);
    const live = given.filter(({ topic }) => topic !== deps.replayTopic);
    await restoreOrders(new Map(live.map(({ partition, offset }) => [partition, offset])), epoch);
    dispatcher.open();
  }

  /** Until it is done, what has an order waits: something of it may be parked, and must go first. */
  async function restoreOrders(readFrom: ReadonlyMap<number, number>, mine: number): Promise<void> {
    const partitions = [...readFrom.keys()];
    try {
      const [heads, takenBack] = [
        await deps.orders.heads(partitions),
        await deps.orders.takenBack(partitions),
      ];
      const isAhead = heads.some(({ partition, offset }) => offset >= (readFrom.get(partition) ?? 0));
      // Seldom: after a crash, or when the topic was made anew and its offsets began again.
      const ends = isAhead ? await deps.ends() : new Map<number, number>();
      if (mine !== epoch) return;
      removals.restore(takenBack);
      sequencer.restore(heads, readFrom, ends);
    } catch (error) {
      logger.warn({ event: "orders.unreadable", err: error }, "orders are not known: they wait");
      setTimeout(() => {
        if (mine === epoch) void restoreOrders(readFrom, mine);
      }, restoreAgainMs);
    }
  }

  async function onRevoking(deadlineMs: number): Promise<void> {
    epoch += 1;
    pipeline.withdraw();
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, Math.max(0, deadlineMs - now() - settleMarginMs));
    await Promise.race([dispatcher.secure(), late.promise]);
    await Promise.race([deps.trouble.flush(), late.promise]);
    clearTimeout(timer);
  }

  return {
    start: () =>
      consumer.start({ onBatch, onAssigned, onRevoking, onCrash: (error) => crash.resolve(error) }),
    async stop() {
      await consumer.stop();
      released();
    },
    assigned: () => consumer.assigned().length > 0,
    standstills: () => [...newer.values()],
    crashed: crash.promise,
  };
}

const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;
