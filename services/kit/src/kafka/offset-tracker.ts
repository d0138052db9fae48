import type { PartitionStart, TopicPartition } from "./types.ts";

/**
 * Which offsets of each assigned partition are handed over, settled, and may be committed. Pure: no clock, no client.
 *
 * The invariant: every offset below the committable one was settled, or was never a record (a transaction marker, an
 * aborted record). Offsets are never computed with, because they are not contiguous: a run knows the offsets it holds.
 */
export interface OffsetTracker {
  /** Replaces all partitions: what was handed over before can no longer move any offset. */
  assign(partitions: readonly PartitionStart[]): void;
  /** Drops every partition. */
  revokeAll(): void;
  /** Everything handed over of this partition is forgotten; the next fetch must start at `offset`. */
  seek(partition: TopicPartition, offset: number): void;
  /**
   * Takes over what one fetch brought: `offsets` ascending, all in [`from`, `next`).
   * @returns undefined when the partition is not ours, or the fetch did not start where the last one ended.
   */
  append(partition: TopicPartition, from: number, offsets: readonly number[], next: number): Run | undefined;
  /** Where the partition's next fetch must start; undefined when it is not ours. */
  position(partition: TopicPartition): number | undefined;
  /** Where the next fetch of each partition must start. */
  positions(): (TopicPartition & { readonly offset: number })[];
  /** What changed since it was last committed. */
  committable(): Commit[];
  /** The broker holds these now. Ignored for partitions that were reassigned or sought since. */
  committed(commits: readonly Commit[]): void;
  assigned(): TopicPartition[];
  /** Records handed over and not settled, of all partitions. */
  unsettled(): number;
  unsettledOf(partition: TopicPartition): number;
  inFlight(): Map<string, number>;
}

export interface Commit extends TopicPartition {
  /** The lowest offset not yet settled: where a successor would start to read. */
  readonly offset: number;
  /** Identifies the partition's tenure; opaque. */
  readonly tenure: object;
}

/** The records of one fetch of one partition. */
export interface Run {
  /** True until the partition is revoked or sought elsewhere. */
  isLive(): boolean;
  /** Any order, any time; twice or after the partition was lost is harmless. Unknown offsets are ignored. */
  settle(offset: number): void;
  settleAll(): void;
}

export interface TrackerOptions {
  /** Called after the number of unsettled records of a partition changed. Must not throw. */
  readonly onChange?: (partition: TopicPartition, unsettled: number) => void;
}

interface Tenure extends TopicPartition {
  readonly key: string;
  live: boolean;
  next: number;
  runs: OpenRun[];
  /** Index of the oldest run with open offsets in `runs`. */
  head: number;
  unsettled: number;
  committed: number;
}

interface OpenRun {
  readonly offsets: readonly number[];
  readonly settled: Uint8Array;
  open: number;
  /** Everything below this index is settled. */
  low: number;
}

export function partitionKey({ topic, partition }: TopicPartition): string {
  return `${topic}:${partition}`;
}

export function createOffsetTracker(options: TrackerOptions = {}): OffsetTracker {
  const tenures = new Map<string, Tenure>();
  let total = 0;

  function begin({ topic, partition }: TopicPartition, offset: number, committed: number): Tenure {
    const key = partitionKey({ topic, partition });
    return { key, topic, partition, live: true, next: offset, runs: [], head: 0, unsettled: 0, committed };
  }

  function end(tenure: Tenure): void {
    tenure.live = false;
    total -= tenure.unsettled;
    tenure.unsettled = 0;
    tenure.runs = [];
    tenures.delete(tenure.key);
  }

  function settled(tenure: Tenure, by: number): void {
    tenure.unsettled -= by;
    total -= by;
    advance(tenure);
    options.onChange?.(tenure, tenure.unsettled);
  }

  function settleOne(tenure: Tenure, run: OpenRun, offset: number): void {
    if (!tenure.live) return;
    const index = indexOf(run.offsets, offset);
    if (index < 0 || run.settled[index] === 1) return;
    run.settled[index] = 1;
    run.open -= 1;
    settled(tenure, 1);
  }

  function settleRun(tenure: Tenure, run: OpenRun): void {
    if (!tenure.live || run.open === 0) return;
    const by = run.open;
    run.settled.fill(1);
    run.open = 0;
    settled(tenure, by);
  }

  return {
    assign: (partitions) => {
      for (const tenure of tenures.values()) end(tenure);
      for (const start of partitions) {
        const tenure = begin(start, start.offset, start.offset);
        tenures.set(tenure.key, tenure);
      }
    },
    revokeAll: () => {
      for (const tenure of tenures.values()) end(tenure);
    },
    seek: (partition, offset) => {
      const old = tenures.get(partitionKey(partition));
      if (!old) return;
      const { committed } = old;
      end(old);
      const tenure = begin(partition, offset, committed);
      tenures.set(tenure.key, tenure);
      options.onChange?.(tenure, 0);
    },
    append: (partition, from, offsets, next) => {
      const tenure = tenures.get(partitionKey(partition));
      if (!tenure || tenure.next !== from) return undefined;
      tenure.next = next;
      const run: OpenRun = { offsets, settled: new Uint8Array(offsets.length), open: offsets.length, low: 0 };
      if (offsets.length > 0) {
        tenure.runs.push(run);
        tenure.unsettled += offsets.length;
        total += offsets.length;
        options.onChange?.(tenure, tenure.unsettled);
      }
      return {
        isLive: () => tenure.live,
        settle: (offset) => settleOne(tenure, run, offset),
        settleAll: () => settleRun(tenure, run),
      };
    },
    position: (partition) => tenures.get(partitionKey(partition))?.next,
    positions: () =>
      [...tenures.values()].map(({ topic, partition, next }) => ({ topic, partition, offset: next })),
    committable: () => {
      const commits: Commit[] = [];
      for (const tenure of tenures.values()) {
        const offset = lowest(tenure);
        if (offset === tenure.committed) continue;
        commits.push({ topic: tenure.topic, partition: tenure.partition, offset, tenure });
      }
      return commits;
    },
    committed: (commits) => {
      for (const commit of commits) {
        const tenure = tenures.get(partitionKey(commit));
        if (tenure === commit.tenure) tenure.committed = commit.offset;
      }
    },
    assigned: () => [...tenures.values()].map(({ topic, partition }) => ({ topic, partition })),
    unsettled: () => total,
    unsettledOf: (partition) => tenures.get(partitionKey(partition))?.unsettled ?? 0,
    inFlight: () => new Map([...tenures.values()].map(({ key, unsettled }) => [key, unsettled])),
  };
}

/** The lowest unsettled offset; where the next fetch starts when all is settled. */
function lowest(tenure: Tenure): number {
  const run = tenure.runs[tenure.head];
  return run?.offsets[run.low] ?? tenure.next;
}

const compactAt = 64;

/** Moves past what is settled. Each offset is passed once, so settling costs O(1) on average. */
function advance(tenure: Tenure): void {
  let run = tenure.runs[tenure.head];
  while (run && run.open === 0) {
    tenure.head += 1;
    run = tenure.runs[tenure.head];
  }
  if (run) while (run.settled[run.low] === 1) run.low += 1;
  else if (tenure.runs.length > 0) {
    tenure.runs = [];
    tenure.head = 0;
  }
  if (tenure.head > compactAt && tenure.head * 2 > tenure.runs.length) {
    tenure.runs = tenure.runs.slice(tenure.head);
    tenure.head = 0;
  }
}

/** The usual case is a run without holes, where the place can be guessed. */
function indexOf(offsets: readonly number[], offset: number): number {
  const guess = offset - (offsets[0] ?? 0);
  if (offsets[guess] === offset) return guess;
  let low = 0;
  let high = offsets.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const at = offsets[middle] ?? 0;
    if (at === offset) return middle;
    if (at < offset) low = middle + 1;
    else high = middle - 1;
  }
  return -1;
}
