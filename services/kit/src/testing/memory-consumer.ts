import { PipelineError } from "@ethhook/schemas";
import { createDrain } from "../kafka/drain.ts";
import { createFlowControl } from "../kafka/flow-control.ts";
import { createOffsetTracker } from "../kafka/offset-tracker.ts";
import type { Consumer, ConsumerHandlers, ConsumerOptions, TopicPartition } from "../kafka/types.ts";
import type { Logger } from "../logger.ts";
import type { MemoryGroup, MemoryMember } from "./memory-group.ts";
import type { MemoryLog } from "./memory-log.ts";

export interface MemoryConsumerDeps {
  readonly id: string;
  readonly log: MemoryLog;
  readonly group: MemoryGroup;
  readonly logger: Logger;
  readonly now: () => number;
  /** Resolves when the next round of fetching may begin. */
  readonly turn: () => Promise<void>;
  readonly recordsPerFetch: number;
}

export interface MemoryConsumer extends Consumer {
  /** As SIGKILL: nothing more is handed over, settled or committed. */
  kill(): void;
  /** As a session that timed out: the others get its partitions, and it does not know. */
  expire(): void;
  /** It learns of it: it gives up what it had and joins anew. */
  rejoin(): Promise<void>;
}

/** The consumer loop over the in-memory log, with the real tracker, water marks and drain. */
export function createMemoryConsumer(options: ConsumerOptions, deps: MemoryConsumerDeps): MemoryConsumer {
  const { log, group } = deps;
  const flow = createFlowControl({
    pauseAbove: options.pauseAbove ?? 5_000,
    resumeBelow: options.resumeBelow ?? 2_500,
    onResume: () => wake(),
  });
  const tracker = createOffsetTracker({ onChange: (at, unsettled) => flow.unsettledChanged(at, unsettled) });
  const draining = createDrain(tracker, deps.logger);
  let handlers: ConsumerHandlers | undefined;
  let state: "idle" | "running" | "stopping" | "dead" = "idle";
  let generation = -1;
  let fetching = false;
  let dirty = false;
  let commitTimer: NodeJS.Timeout | undefined;
  let stopped: Promise<void> | undefined;

  const member: MemoryMember = {
    id: deps.id,
    topics: options.topics,
    assignment: options.assignment ?? "spread",
    revoke: leaveGeneration,
    assign: async (partitions, of) => {
      if (state !== "running") return;
      generation = of;
      flow.reset();
      const starts = partitions.map((at) => ({ ...at, offset: group.committed(at) ?? 0 }));
      tracker.assign(starts);
      try {
        await handlers?.onAssigned?.(starts, of);
      } catch (error) {
        die(error);
      }
      wake();
    },
  };

  async function leaveGeneration(): Promise<void> {
    if (state === "dead" || generation === -1) return;
    commit();
    await draining.drain(handlers, deps.now() + (options.drainTimeoutMs ?? 5_000));
    commit();
    tracker.revokeAll();
    generation = -1;
  }

  function commit(): void {
    const commits = tracker.committable();
    if (state !== "dead" && commits.length > 0 && group.commit(member, generation, commits))
      tracker.committed(commits);
  }

  function wake(): void {
    dirty = true;
    if (fetching) return;
    fetching = true;
    void fetchAll().finally(() => {
      fetching = false;
    });
  }

  async function fetchAll(): Promise<void> {
    while (dirty && state === "running") {
      dirty = false;
      await deps.turn();
      const of = generation;
      const working: Promise<void>[] = [];
      for (const position of tracker.positions()) {
        if (flow.isPaused(position) || state !== "running" || generation !== of) continue;
        handOver(position, position.offset, working);
      }
      await Promise.all(working).catch(die);
    }
  }

  function handOver({ topic, partition }: TopicPartition, from: number, working: Promise<void>[]): void {
    const { records, next } = log.read({ topic, partition }, from, deps.recordsPerFetch);
    if (next === from) return;
    dirty = true;
    const offsets = records.map((record) => record.offset);
    const run = tracker.append({ topic, partition }, from, offsets, next);
    if (!run || records.length === 0) return;
    const settled = (action: () => void): void => {
      if (state === "dead") return;
      action();
      draining.settled();
    };
    try {
      const handled = handlers?.onBatch({
        topic,
        partition,
        records,
        generation,
        isCurrent: () => run.isLive(),
        settle: (offset) => settled(() => run.settle(offset)),
        settleAll: () => settled(() => run.settleAll()),
      });
      if (handled) working.push(handled);
    } catch (error) {
      die(error);
    }
  }

  function die(cause: unknown): void {
    if (state !== "running") return;
    state = "dead";
    const why = cause instanceof Error ? cause.message : String(cause);
    clearInterval(commitTimer);
    group.drop(member);
    handlers?.onCrash(
      new PipelineError("CONSUMER_CRASHED", "crash", `Consumer of ${options.groupId} died: ${why}`, {
        cause,
      }),
    );
  }

  async function stop(): Promise<void> {
    if (state !== "running") return;
    state = "stopping";
    await leaveGeneration();
    clearInterval(commitTimer);
    state = "dead";
    await group.leave(member);
  }

  return {
    start: async (given) => {
      if (state !== "idle") throw new Error("A consumer starts once");
      state = "running";
      handlers = given;
      log.onChange(wake);
      commitTimer = setInterval(commit, options.commitIntervalMs ?? 500);
      commitTimer.unref();
      await group.join(member);
    },
    stop: () => (stopped ??= stop()),
    pause: (at) => flow.pause(at),
    resume: (at) => flow.resume(at),
    seek: (at, offset) => {
      tracker.seek(at, offset);
      wake();
    },
    inFlight: () => tracker.inFlight(),
    assigned: () => tracker.assigned(),
    expire: () => group.drop(member),
    rejoin: async () => {
      await leaveGeneration();
      if (state === "running") await group.join(member);
    },
    kill: () => {
      state = "dead";
      clearInterval(commitTimer);
      tracker.revokeAll();
      group.drop(member);
    },
  };
}
