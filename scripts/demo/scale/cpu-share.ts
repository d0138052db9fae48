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
 * Lets each process run for its share of every 100 ms and stops it for the rest, as the CPU limit of a container does. Needs no
 * privilege. A process that is stopped when this one is killed is ended by the watchdog.
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
      const turn = (): void => {
        signal(pid, "SIGCONT");
        setTimeout(() => timers.has(pid) && signal(pid, "SIGSTOP"), periodMs * share);
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
