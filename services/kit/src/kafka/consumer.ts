import { setTimeout as delay } from "node:timers/promises";
import { PipelineError } from "@ethhook/schemas";
import type { Consumer as KafkaConsumer } from "kafkajs";
import type { Logger } from "../logger.ts";
import type { TopicAssignment } from "./assignment.ts";
import { createAssigner } from "./assigners.ts";
import { type ClientSettings, createClient } from "./client.ts";
import { createCommitter } from "./committer.ts";
import { createDrain } from "./drain.ts";
import { createFetchLoop, type FetchLoopDeps } from "./fetch-loop.ts";
import type { PartitionFetch } from "./fetch/fetch.ts";
import { createFetchWait } from "./fetch-wait.ts";
import { createFlowControl } from "./flow-control.ts";
import type { ConsumerGroup } from "./group-hooks.ts";
import type { KafkaMetrics } from "./kafka-metrics.ts";
import { createMembership } from "./membership.ts";
import { createLogOnce } from "./log-once.ts";
import { createOffsetTracker, type Run } from "./offset-tracker.ts";
import type {
  Batch,
  Consumer,
  ConsumerHandlers,
  ConsumerOptions,
  InRecord,
  PartitionStart,
  TopicPartition,
} from "./types.ts";

export interface ConsumerDeps {
  readonly settings: ClientSettings;
  readonly logger: Logger;
  readonly metrics: KafkaMetrics;
}

const defaults = {
  pauseAbove: 5_000,
  resumeBelow: 2_500,
  commitIntervalMs: 500,
  assignment: "spread",
  sessionTimeoutMs: 10_000,
  heartbeatIntervalMs: 3_000,
  drainTimeoutMs: 5_000,
  maxBytesPerPartition: 1_048_576,
  maxBytesPerFetch: 10_485_760,
} as const;

/** A disconnect that takes longer is cut. */
const disconnectTimeoutMs = 5_000;

/**
 * The consumer loop over kafkajs. kafkajs fetches and keeps the membership; offsets, generations, back-pressure, commits
 * and shutdown are decided here. All state is changed by callbacks on one thread, none of which waits for work.
 *
 * The life of a generation: join → `adopt` (committed offsets, `onAssigned`) → fetches → `leaveGeneration` (drain, commit)
 * → join again or leave.
 */
export function createConsumer(options: ConsumerOptions, deps: ConsumerDeps): Consumer {
  const config = { ...defaults, ...options };
  const logger = deps.logger.child({ group: config.groupId });
  const client = createClient({ ...deps.settings, logger });
  const ready = Promise.withResolvers<void>();
  const once = createLogOnce(Date.now);
  const wait = createFetchWait();
  const flow = createFlowControl({ ...config, onResume: () => loop.wake() });
  const tracker = createOffsetTracker({ onChange: (at, unsettled) => flow.unsettledChanged(at, unsettled) });
  const metrics = deps.metrics.ofGroup(config.groupId, tracker, flow);
  const draining = createDrain(tracker, logger);
  const membership = createMembership({ ...config, logger, now: Date.now });
  const committer = createCommitter({ tracker, membership, logger, metrics, group: () => group });
  const loop = createFetchLoop(loopDeps());

  let handlers: ConsumerHandlers | undefined;
  let kafkaConsumer: KafkaConsumer | undefined;
  /** The group object whose assignment the tracker holds; kafkajs makes a new one when it restarts itself. */
  let group: ConsumerGroup | undefined;
  let generation = -1;
  let adopting: Promise<void> | undefined;
  let previous: TopicAssignment = {};
  let state: "idle" | "running" | "stopping" | "dead" = "idle";
  let stopped: Promise<void> | undefined;
  let heartbeatTimer: NodeJS.Timeout | undefined;

  function loopDeps(): FetchLoopDeps {
    return {
      limits: () => ({
        waitMs: wait.waitMs(Date.now(), tracker.unsettled() === 0 && flow.paused() === 0),
        bytesMax: config.maxBytesPerFetch,
        partitionBytesMax: config.maxBytesPerPartition,
      }),
      wanted: () => tracker.positions().filter((position) => !flow.isPaused(position)),
      isCurrent,
      onFetched: handOverAll,
      onOutOfRange,
    };
  }

  async function beforeJoin(joining: ConsumerGroup): Promise<void> {
    // Without its member id, others own the partitions already.
    if (state === "running") await leaveGeneration(joining === group && joining.memberId !== null);
    membership.goOn(joining);
  }

  async function fetchRound(of: ConsumerGroup, nodeId: string): Promise<void> {
    if (state === "running" && !isCurrent(of)) {
      adopting ??= adopt(of).finally(() => {
        adopting = undefined;
      });
      await adopting;
    }
    await loop.round(of, nodeId);
  }

  function isCurrent(of: ConsumerGroup): boolean {
    return state === "running" && group === of && generation === of.generationId;
  }

  /** Takes over the assignment of a new generation before its first fetch. */
  async function adopt(joined: ConsumerGroup): Promise<void> {
    await joined.offsetManager?.resolveOffsets();
    const starts = startsOf(joined);
    previous = assignmentOf(starts);
    group = joined;
    generation = joined.generationId ?? -1;
    wait.active(Date.now());
    flow.reset();
    tracker.assign(starts);
    metrics.assigned(starts.length);
    const fields = { event: "consumer.assigned", generation, partitions: previous };
    logger.info(fields, `${starts.length} partitions assigned`);
    try {
      await handlers?.onAssigned?.(starts, generation);
      ready.resolve();
    } catch (error) {
      die(error);
    }
  }

  /** Drains and commits before partitions may go to another member. */
  async function leaveGeneration(stillMember: boolean): Promise<void> {
    const left = group;
    if (!left) return;
    const startedAt = Date.now();
    // A first commit shows whether the broker still knows us: if not, draining is in vain.
    const member = stillMember && (await committer.commit());
    const beating = setInterval(() => beat(left), config.heartbeatIntervalMs);
    await draining.drain(handlers, member ? startedAt + config.drainTimeoutMs : startedAt);
    clearInterval(beating);
    if (member) await committer.commit();
    const abandoned = tracker.unsettled();
    const tookMs = Date.now() - startedAt;
    forget();
    metrics.rebalanced(abandoned, tookMs);
    logger.info({ event: "consumer.revoked", member, abandoned, tookMs }, "Partitions given back");
  }

  function forget(): void {
    tracker.revokeAll();
    group = undefined;
    generation = -1;
    metrics.assigned(0);
  }

  function onOutOfRange(partition: TopicPartition, oldest: number): void {
    const fields = {
      event: "consumer.offset-lost",
      ...partition,
      position: tracker.position(partition),
      oldest,
    };
    logger.error(
      fields,
      "The next record is not in the log: deleted before it was read. Going on with the oldest",
    );
    metrics.offsetLost(partition.topic);
    tracker.seek(partition, oldest);
  }

  /** Every partition's batch is handed over before the first handler that awaits is waited for. */
  async function handOverAll(fetches: readonly PartitionFetch[]): Promise<void> {
    const working: Promise<void>[] = [];
    if (fetches.some(({ next, error }) => next !== undefined || error)) wait.active(Date.now());
    for (const { topic, partition, from, records, next } of fetches) {
      if (next === undefined || state !== "running" || flow.isPaused({ topic, partition })) continue;
      const offsets = records.map((record) => record.offset);
      // A batch of transaction markers alone has no record but takes offsets: without them, lag never becomes 0.
      const run = tracker.append({ topic, partition }, from, offsets, next);
      if (!run || records.length === 0) continue;
      metrics.consumed(topic, records.length);
      try {
        const handled = handlers?.onBatch(handOver(topic, partition, records, run));
        if (handled) working.push(handled);
      } catch (error) {
        die(error);
      }
    }
    if (working.length > 0) await Promise.all(working).catch(die);
  }

  function handOver(topic: string, partition: number, records: readonly InRecord[], run: Run): Batch {
    return {
      topic,
      partition,
      records,
      generation,
      isCurrent: () => run.isLive(),
      settle: (offset) => {
        run.settle(offset);
        draining.settled();
      },
      settleAll: () => {
        run.settleAll();
        draining.settled();
      },
    };
  }

  /** Also while the group rebalances or a handler awaits; a failure is seen by kafkajs' own next heartbeat. */
  function beat(to: ConsumerGroup): void {
    const { groupId, memberId, generationId: groupGenerationId } = to;
    if (memberId !== null)
      to.coordinator?.heartbeat({ groupId, memberId, groupGenerationId }).catch(() => undefined);
  }

  function die(cause: unknown): void {
    if (state !== "running") return;
    state = "dead";
    const why = cause instanceof Error ? cause.message : String(cause);
    const crash = new PipelineError(
      "CONSUMER_CRASHED",
      "crash",
      `Consumer of ${config.groupId} died: ${why}`,
      { cause },
    );
    logger.error({ event: "consumer.crashed", err: cause }, crash.message);
    ready.reject(crash);
    handlers?.onCrash(crash);
  }

  function onKafkaCrash(error: Error, restart: boolean): void {
    // kafkajs has left the group: whatever was in flight belongs to others.
    if (group) void draining.drain(handlers, Date.now());
    forget();
    if (!restart) return die(error);
    metrics.restarted();
    if (once(error.message).say)
      logger.warn(
        { event: "consumer.restarting", err: error },
        `kafkajs restarts its consumer: ${error.message}`,
      );
  }

  async function start(given: ConsumerHandlers): Promise<void> {
    if (state !== "idle") throw new Error("A consumer starts once");
    state = "running";
    handlers = given;
    ready.promise.catch(() => undefined);
    const assigner = createAssigner(config.assignment, () => previous, {
      beforeJoin,
      fetch: fetchRound,
      heartbeat: (of, send) => membership.heartbeat(of, send),
    });
    const consumer = client.kafka.consumer(kafkajsConfig(config, assigner, () => state === "running"));
    kafkaConsumer = consumer;
    consumer.on(consumer.events.CRASH, ({ payload }) => onKafkaCrash(payload.error, payload.restart));
    await consumer.subscribe({ topics: [...config.topics], fromBeginning: true });
    committer.start(config.commitIntervalMs);
    heartbeatTimer = setInterval(() => group && beat(group), config.heartbeatIntervalMs);
    // No batch ever reaches kafkajs' own handler: see `hooks.fetch`.
    await consumer.run({ autoCommit: false, eachBatch: async () => undefined });
    await ready.promise;
  }

  async function stop(): Promise<void> {
    const wasDead = state === "dead";
    state = "stopping";
    ready.resolve();
    if (!wasDead) await leaveGeneration(true);
    committer.stop();
    clearInterval(heartbeatTimer);
    forget();
    const left = kafkaConsumer?.disconnect().catch(() => undefined);
    await Promise.race([left, delay(disconnectTimeoutMs, undefined, { ref: false })]);
    client.kill();
    state = "dead";
  }

  return {
    start,
    stop: () => (stopped ??= stop()),
    pause: (partition) => flow.pause(partition),
    resume: (partition) => flow.resume(partition),
    seek: (partition, offset) => {
      tracker.seek(partition, offset);
      loop.wake();
    },
    inFlight: () => tracker.inFlight(),
    assigned: () => tracker.assigned(),
  };
}

type Settings = typeof defaults extends infer D
  ? { readonly [K in keyof D]: D[K] extends number ? number : string }
  : never;

function kafkajsConfig(
  config: ConsumerOptions & Settings,
  assigner: ReturnType<typeof createAssigner>,
  restartOnFailure: () => boolean,
) {
  return {
    groupId: config.groupId,
    allowAutoTopicCreation: false,
    sessionTimeout: config.sessionTimeoutMs,
    heartbeatInterval: config.heartbeatIntervalMs,
    // How long the others wait for a member that drains.
    rebalanceTimeout: Math.max(30_000, config.drainTimeoutMs * 3),
    partitionAssigners: [assigner],
    retry: { initialRetryTime: 100, retries: 5, restartOnFailure: async () => restartOnFailure() },
  };
}

function startsOf(joined: ConsumerGroup): PartitionStart[] {
  const committed = joined.offsetManager?.committedOffsets() ?? {};
  return joined
    .assigned()
    .flatMap(({ topic, partitions }) =>
      partitions
        .toSorted((a, b) => a - b)
        .map((partition) => ({ topic, partition, offset: Number(committed[topic]?.[partition] ?? 0) })),
    );
}

function assignmentOf(partitions: readonly TopicPartition[]): TopicAssignment {
  const topics = Map.groupBy(partitions, ({ topic }) => topic);
  return Object.fromEntries(
    [...topics].map(([topic, mine]) => [topic, mine.map(({ partition }) => partition)]),
  );
}
