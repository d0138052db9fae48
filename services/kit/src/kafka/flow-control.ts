import { partitionKey } from "./offset-tracker.ts";
import type { TopicPartition } from "./types.ts";

export interface FlowControlOptions {
  /** A partition with more unsettled records is paused. */
  readonly pauseAbove: number;
  /** A partition paused by the mark above is resumed at this many. */
  readonly resumeBelow: number;
  /** A partition that was paused may be fetched again. */
  readonly onResume: () => void;
}

/** Whether a partition is fetched: not while its owner has it paused, nor while too much of it is unsettled. Pure. */
export interface FlowControl {
  unsettledChanged(partition: TopicPartition, unsettled: number): void;
  pause(partition: TopicPartition): void;
  resume(partition: TopicPartition): void;
  isPaused(partition: TopicPartition): boolean;
  /** Forgets every partition: a new assignment starts unpaused. */
  reset(): void;
  paused(): number;
}

export function createFlowControl(options: FlowControlOptions): FlowControl {
  const asked = new Set<string>();
  const full = new Set<string>();

  function isPaused(key: string): boolean {
    return asked.has(key) || full.has(key);
  }

  function release(set: Set<string>, key: string): void {
    if (set.delete(key) && !isPaused(key)) options.onResume();
  }

  return {
    unsettledChanged: (partition, unsettled) => {
      // Called for every settled record: cheap unless a mark is near.
      if (unsettled > options.pauseAbove) full.add(partitionKey(partition));
      else if (full.size > 0 && unsettled <= options.resumeBelow) release(full, partitionKey(partition));
    },
    pause: (partition) => void asked.add(partitionKey(partition)),
    resume: (partition) => release(asked, partitionKey(partition)),
    isPaused: (partition) => isPaused(partitionKey(partition)),
    reset: () => {
      asked.clear();
      full.clear();
    },
    paused: () => new Set([...asked, ...full]).size,
  };
}
