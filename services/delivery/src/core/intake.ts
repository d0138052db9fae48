import type { Job } from "./job.ts";
import type { EndpointDirectory } from "./ports.ts";

/** Hands jobs on once their endpoints are known, in the order in which they came per endpoint. */
export interface Intake {
  take(jobs: readonly Job[]): void;
  /** Forgets jobs that wait for their endpoint and match. */
  withdraw(matches: (job: Job) => boolean): void;
  /** Offset of the first job that waits here for this endpoint; Infinity when none does. */
  lowestOffset(endpointId: string): number;
}

export interface IntakePorts {
  readonly endpoints: EndpointDirectory;
  accept(job: Job): void;
  /** The endpoint does not exist. */
  gone(job: Job): void;
  /** Resolves when the store is worth asking again, after so many failures in a row. */
  pause(failures: number): Promise<void>;
  onError(error: unknown): void;
}

/** It holds no more than the consumer lets it: jobs that wait here are not settled. */
export function createIntake(ports: IntakePorts): Intake {
  let unknown = new Map<string, Job[]>();
  let loading = false;

  function pass(job: Job): void {
    const { endpointId } = job.delivery;
    const endpoint = ports.endpoints.get(endpointId);
    const behind = unknown.get(endpointId);
    if (behind !== undefined) behind.push(job);
    else if (endpoint === undefined) unknown.set(endpointId, [job]);
    else if (endpoint === null) ports.gone(job);
    else ports.accept(job);
  }

  async function load(): Promise<void> {
    loading = true;
    let failures = 0;
    while (unknown.size > 0) {
      const asked = [...unknown.keys()];
      try {
        await ports.endpoints.load(asked);
      } catch (error) {
        ports.onError(error);
        failures += 1;
        await ports.pause(failures);
        continue;
      }
      const waiting = unknown;
      unknown = new Map();
      for (const jobs of waiting.values()) for (const job of jobs) if (job.isCurrent()) pass(job);
      // An endpoint that is there but cannot be read is asked for again, not in a loop. One that came meanwhile was not asked for yet.
      const unreadable = asked.some((id) => unknown.has(id));
      failures = unreadable ? failures + 1 : 0;
      if (unreadable) await ports.pause(failures);
    }
    loading = false;
  }

  return {
    take(jobs) {
      for (const job of jobs) pass(job);
      if (unknown.size > 0 && !loading) void load();
    },
    withdraw(matches) {
      for (const [endpointId, jobs] of unknown) {
        const kept = jobs.filter((job) => !matches(job));
        if (kept.length > 0) unknown.set(endpointId, kept);
        else unknown.delete(endpointId);
      }
    },
    lowestOffset: (endpointId) => Math.min(...(unknown.get(endpointId) ?? []).map((job) => job.offset)),
  };
}
