import type { Job } from "./job.ts";

/** Deliveries of one block and endpoint, in the order of their logs: one POST. */
export interface BlockBatch {
  /** Not empty; of one endpoint, chain, block, ledger sequence and kind. */
  readonly jobs: readonly Job[];
}

export interface BatcherPorts {
  readonly now: () => number;
  limits(endpointId: string): { readonly eventsMax: number; readonly bytesMax: number };
  /** Batches of one endpoint come in the order of their blocks. */
  close(batch: BlockBatch): void;
}

/** Gathers deliveries by block. Nothing says that a block's last match came: a batch is closed by the next block, its size, or time. */
export interface Batcher {
  add(job: Job): void;
  /** Takes a job back that waits here. */
  withdraw(endpointId: string, webhookId: string): Job | undefined;
  withdrawAll(): void;
  /** Offset of the first delivery that is gathered for this endpoint; Infinity when none is. */
  lowestOffset(endpointId: string): number;
  /** Closes what has waited long enough. Call it every 50 ms. */
  tick(): void;
}

interface Group {
  readonly block: string;
  readonly openedAtMs: number;
  readonly jobs: Job[];
  bytes: number;
}

/** How long a batch waits for more of its block. */
export const lingerMs = 200;

export function createBatcher(ports: BatcherPorts): Batcher {
  /** By endpoint and chain: blocks of a chain come one after the other, so one group is open at a time. */
  const groups = new Map<string, Group>();

  function close(key: string, group: Group): void {
    groups.delete(key);
    const jobs = group.jobs.toSorted((a, b) => a.delivery.logIndex - b.delivery.logIndex);
    if (jobs.length > 0) ports.close({ jobs });
  }

  return {
    add(job) {
      const { delivery } = job;
      const key = `${delivery.endpointId}|${delivery.chainId}`;
      const block = `${delivery.kind}|${delivery.blockHash}|${delivery.sequence}`;
      let group = groups.get(key);
      const { eventsMax, bytesMax } = ports.limits(delivery.endpointId);
      const bytes = Buffer.byteLength(delivery.body);
      const full = group !== undefined && (group.jobs.length >= eventsMax || group.bytes + bytes > bytesMax);
      if (group !== undefined && (full || group.block !== block)) {
        close(key, group);
        group = undefined;
      }
      if (group === undefined) {
        group = { block, openedAtMs: ports.now(), jobs: [], bytes: 0 };
        groups.set(key, group);
      }
      group.jobs.push(job);
      group.bytes += bytes;
    },
    withdraw(endpointId, webhookId) {
      for (const [key, group] of groups) {
        if (!key.startsWith(`${endpointId}|`)) continue;
        const index = group.jobs.findIndex((job) => job.delivery.webhookId === webhookId);
        if (index >= 0) return group.jobs.splice(index, 1)[0];
      }
      return undefined;
    },
    withdrawAll: () => groups.clear(),
    lowestOffset(endpointId) {
      const mine = [...groups].filter(([key]) => key.startsWith(`${endpointId}|`));
      return Math.min(...mine.flatMap(([, group]) => group.jobs.map((job) => job.offset)));
    },
    tick() {
      const nowMs = ports.now();
      for (const [key, group] of groups) if (nowMs - group.openedAtMs >= lingerMs) close(key, group);
    },
  };
}
