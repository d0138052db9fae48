import type { Job } from "./job.ts";

/** The jobs that were taken over from a topic and hold their offsets, wherever they wait: for the age of the oldest. */
export interface Unsettled {
  /** The same job, which is forgotten here once it is settled. */
  watch(job: Job): Job;
  oldestMs(nowMs: number): number;
  clear(): void;
}

export function createUnsettled(): Unsettled {
  /** In the order in which they came. */
  const open = new Set<Job>();
  return {
    watch(job) {
      open.add(job);
      return {
        ...job,
        settle() {
          open.delete(job);
          job.settle();
        },
      };
    },
    oldestMs(nowMs) {
      for (const job of open) return nowMs - job.takenAtMs;
      return 0;
    },
    clear: () => open.clear(),
  };
}
