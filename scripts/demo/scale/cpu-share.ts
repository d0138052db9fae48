/** Holds processes to a share of one core. */
export interface CpuShare {
  limit(pid: number): void;
  /** Lets it run freely: before it is asked to end, or it would not hear of it. */
  lift(pid: number): void;
  liftAll(): void;
}

/** As long as the period of a container's CPU limit. */
const periodMs = 100;

/**
 * Lets each process run for its share of every 100 ms and stops it for the rest, as the CPU limit of a container does. What it ran too
 * long, because this process was busy, it has less afterwards. Needs no privilege. A process that is stopped when this one is killed is ended by the watchdog.
 * @param share of one core, above 0 and below 1.
 */
export function createCpuShare(share: number): CpuShare {
  const timers = new Map<number, NodeJS.Timeout>();

  function lift(pid: number): void {
    clearInterval(timers.get(pid));
    if (timers.delete(pid)) signal(pid, "SIGCONT");
  }

  return {
    limit(pid) {
      // Milliseconds that it may run.
      let credit = periodMs * share;
      let lastAt = performance.now();
      const stop = (sinceMs: number): void => {
        if (!timers.has(pid)) return;
        signal(pid, "SIGSTOP");
        credit -= performance.now() - sinceMs;
      };
      const turn = (): void => {
        const nowMs = performance.now();
        credit = Math.min(credit + (nowMs - lastAt) * share, 2 * periodMs * share);
        lastAt = nowMs;
        if (credit <= 0) return;
        signal(pid, "SIGCONT");
        setTimeout(() => stop(nowMs), credit);
      };
      timers.set(pid, setInterval(turn, periodMs));
      turn();
    },
    lift,
    liftAll() {
      for (const pid of timers.keys()) lift(pid);
    },
  };
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It ended by itself in between.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
