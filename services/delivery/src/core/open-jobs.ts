import type { Job, JobEnd } from "./job.ts";

/** The jobs that a process has taken over and that have not ended, and what is known of each. */
export interface OpenJobs {
  add(job: Job): void;
  begun(job: Job): void;
  isBegun(job: Job): boolean;
  /** It is taken back by a removal: if its POST fails, it is not tried again. */
  giveUp(job: Job): void;
  isGivenUp(job: Job): boolean;
  /** The live job of a webhook, or of the batch that it is in. */
  get(webhookId: string): Job | undefined;
  /** A row stands for it: nobody need wait for it any more. */
  secured(job: Job): void;
  end(job: Job, end: JobEnd): void;
  /** Resolves when none is open that is not secured. */
  secure(): Promise<void>;
  /** Resolves when none is open. */
  idle(): Promise<void>;
}

export function createOpenJobs(ended: (job: Job, end: JobEnd) => void): OpenJobs {
  const open = new Set<Job>();
  const begun = new Set<Job>();
  const givenUp = new Set<Job>();
  const byWebhook = new Map<string, Job>();
  /** Open, but with a row that stands for them. */
  const secured = new Set<Job>();
  let waiters: { readonly all: boolean; readonly tell: () => void }[] = [];

  function isReached(all: boolean): boolean {
    return all ? open.size === 0 : open.size === secured.size;
  }

  function tellWaiters(): void {
    if (waiters.length === 0) return;
    const reached = waiters.filter(({ all }) => isReached(all));
    waiters = waiters.filter(({ all }) => !isReached(all));
    for (const { tell } of reached) tell();
  }

  function reach(all: boolean): Promise<void> {
    if (isReached(all)) return Promise.resolve();
    return new Promise((tell) => void waiters.push({ all, tell }));
  }

  return {
    add(job) {
      open.add(job);
      if (job.replay) return;
      byWebhook.set(job.delivery.webhookId, job);
      for (const member of job.delivery.batch ?? []) byWebhook.set(member, job);
    },
    begun: (job) => void begun.add(job),
    isBegun: (job) => begun.has(job),
    giveUp: (job) => void givenUp.add(job),
    isGivenUp: (job) => givenUp.size > 0 && givenUp.has(job),
    get: (webhookId) => byWebhook.get(webhookId),
    end(job, end) {
      if (!open.delete(job)) return;
      begun.delete(job);
      givenUp.delete(job);
      const { webhookId, batch } = job.delivery;
      if (byWebhook.get(webhookId) === job) byWebhook.delete(webhookId);
      if (batch !== undefined) for (const member of batch) byWebhook.delete(member);
      secured.delete(job);
      ended(job, end);
      tellWaiters();
    },
    secured(job) {
      if (open.has(job)) secured.add(job);
      tellWaiters();
    },
    secure: () => reach(false),
    idle: () => reach(true),
  };
}
