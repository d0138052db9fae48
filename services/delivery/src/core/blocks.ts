import type { BlockBatch } from "./batcher.ts";
import { blockDelivery } from "./block-payload.ts";
import type { Dispatcher } from "./dispatcher.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Job } from "./job.ts";
import type { EndpointDirectory, Parked } from "./ports.ts";
import { newWebhookIdOf, type RemovalStore } from "./removals.ts";
import type { Sequencer } from "./sequencer.ts";
import type { Settlement } from "./settlement.ts";

/** Keeps which webhook went into which batch. */
export interface BatchStore {
  /** Those of the webhooks that are in no batch yet. Never rejects. */
  unbatched(webhookIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** Writes the batch's row and its members together. Never rejects. */
  form(batch: Parked, members: readonly string[]): Promise<void>;
}

export interface BlockPorts {
  readonly now: () => number;
  readonly endpoints: Pick<EndpointDirectory, "get">;
  readonly batches: BatchStore;
  readonly removals: Pick<RemovalStore, "takeBack">;
  readonly dispatcher: Pick<Dispatcher, "accept" | "takeBack">;
  readonly sequencer: Pick<Sequencer, "accept" | "parkBehind" | "locked" | "recheck">;
  readonly settlement: Pick<Settlement, "dropped">;
}

/**
 * Turns a gathered block into one delivery. The batch is a row in Postgres with its members before its first POST, so that after a crash
 * the same webhooks go out in the same batch: same id, same bytes.
 */
export interface Blocks {
  close(batch: BlockBatch): void;
  /** A batch ended: removals of its block may wait for it. */
  ended(job: Job): void;
  /** Offset of the first delivery that goes into a batch of this endpoint which is being made; Infinity when none is. */
  lowestOffset(endpointId: string): number;
  clear(): void;
}

/** A row without a POST under way belongs to a dead process after this. */
const orphanedMs = 60_000;

export function createBlocks(ports: BlockPorts): Blocks {
  /** One after the other per endpoint: blocks must not overtake each other. */
  const tails = new Map<string, Promise<void>>();
  /** Being made, by endpoint. */
  const forming = new Map<string, Set<readonly Job[]>>();
  let waiting = new Map<string, (() => void)[]>();

  async function form(jobs: readonly Job[]): Promise<void> {
    const kept = jobs[0]?.delivery.kind === "removed" ? await withoutUnheard(jobs) : jobs;
    const fresh = await ports.batches.unbatched(kept.map(({ delivery }) => delivery.webhookId));
    const members: Job[] = [];
    for (const job of kept) {
      // Read again after a crash: its batch waits in Postgres, or was sent.
      if (fresh.has(job.delivery.webhookId)) members.push(job);
      else void ports.settlement.dropped(job);
    }
    const [first] = members;
    const endpoint = first === undefined ? undefined : ports.endpoints.get(first.delivery.endpointId);
    if (first === undefined || !endpoint || !first.isCurrent()) return;
    await begin(first, members, endpoint);
  }

  async function begin(first: Job, members: readonly Job[], endpoint: Endpoint): Promise<void> {
    const delivery = blockDelivery(members.map((job) => job.delivery));
    const offset = Math.min(...members.map((job) => job.offset));
    const { partition, replay, orderKey } = first;
    const dueAtMs = ports.now() + endpoint.settings.timeoutMs + orphanedMs;
    const fresh = members.every((job) => job.fresh);
    const batch: Job = { ...first, delivery, offset, fresh, stored: true, settle: () => undefined };
    const row = { delivery, partition, replay, orderKey, position: offset, unsure: false, dueAtMs };
    const ids = members.map((job) => job.delivery.webhookId);
    await ports.batches.form({ ...row, reason: "sending" }, ids);
    for (const job of members) job.settle();
    if (!batch.isCurrent()) return;
    if (orderKey === "") return ports.dispatcher.accept(batch);
    if (ports.sequencer.parkBehind(batch) === undefined) ports.sequencer.accept(batch);
  }

  /** Removals without those whose `new` never left: they are dropped with it. Waits for a batch of the block that is under way. */
  async function withoutUnheard(jobs: readonly Job[]): Promise<readonly Job[]> {
    const kept: Job[] = [];
    for (const job of jobs) {
      const id = newWebhookIdOf(job);
      await underWay(id);
      const fate = await ports.removals.takeBack(id, job.partition);
      if (fate === "never-begun") void ports.settlement.dropped(job);
      else kept.push(job);
    }
    const [first] = jobs;
    if (first !== undefined && first.orderKey !== "") ports.sequencer.recheck(first.delivery.endpointId);
    return kept;
  }

  async function underWay(id: string): Promise<void> {
    const taken = ports.dispatcher.takeBack(id);
    // A batch that waited here keeps its row: it is taken back there.
    if (taken.state !== "begun") return;
    const { webhookId } = taken.job.delivery;
    await new Promise<void>((resolve) => {
      waiting.set(webhookId, [...(waiting.get(webhookId) ?? []), resolve]);
    });
  }

  return {
    close({ jobs }) {
      const endpointId = jobs[0]?.delivery.endpointId ?? "";
      const mine = forming.get(endpointId) ?? new Set();
      forming.set(endpointId, mine.add(jobs));
      const tail = (tails.get(endpointId) ?? Promise.resolve()).then(() => form(jobs));
      tails.set(endpointId, tail);
      void tail.then(() => {
        mine.delete(jobs);
        if (mine.size === 0) forming.delete(endpointId);
        if (tails.get(endpointId) === tail) tails.delete(endpointId);
      });
    },
    ended({ delivery: { webhookId, batch } }) {
      if (batch === undefined) return;
      for (const go of waiting.get(webhookId) ?? []) go();
      waiting.delete(webhookId);
    },
    lowestOffset: (endpointId) =>
      Math.min(...[...(forming.get(endpointId) ?? [])].flatMap((jobs) => jobs.map((job) => job.offset))),
    clear() {
      forming.clear();
      for (const list of waiting.values()) for (const go of list) go();
      waiting = new Map();
    },
  };
}
