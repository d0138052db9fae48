import type { BlockBatch } from "./batcher.ts";
import { blockDelivery } from "./block-payload.ts";
import type { Dispatcher, TakenBack } from "./dispatcher.ts";
import type { Endpoint } from "./endpoint.ts";
import { isUnheard, type Job } from "./job.ts";
import type { EndpointDirectory, Parked } from "./ports.ts";
import { newWebhookIdOf, type Removals, type StoredFate } from "./removals.ts";
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
  readonly removals: Pick<Removals, "takeBack" | "unheard">;
  readonly dispatcher: Pick<Dispatcher, "accept" | "takeBack">;
  readonly sequencer: Pick<
    Sequencer,
    "accept" | "withdraw" | "isCurrent" | "parkBehind" | "locked" | "recheck"
  >;
  readonly settlement: Pick<Settlement, "dropped" | "buried">;
  /** Their endpoint is not known any more: it is looked up, and they come again. */
  again(jobs: readonly Job[]): void;
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
    const { heard, behind } = await sift(jobs);
    const fresh = await ports.batches.unbatched(heard.map(({ delivery }) => delivery.webhookId));
    const members: Job[] = [];
    for (const job of heard) {
      // Read again after a crash: its batch waits in Postgres, or was sent.
      if (fresh.has(job.delivery.webhookId)) members.push(job);
      else void ports.settlement.dropped(job);
    }
    const [first] = members;
    if (first === undefined || !first.isCurrent()) return;
    const endpoint = ports.endpoints.get(first.delivery.endpointId);
    if (endpoint) return begin(first, members, endpoint, behind);
    if (endpoint === undefined) return ports.again(members);
    for (const job of members) void ports.settlement.buried(job, "gone", "the endpoint was deleted");
  }

  async function begin(
    first: Job,
    members: readonly Job[],
    endpoint: Endpoint,
    behind: readonly Promise<StoredFate>[],
  ): Promise<void> {
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
    if (orderKey !== "") {
      if (ports.sequencer.parkBehind(batch) === undefined) ports.sequencer.accept(batch);
      return;
    }
    // Not waited for: what comes after it may be made, and its own row stands for it meanwhile.
    void Promise.all(behind).then((fates) => {
      if (!batch.isCurrent()) return;
      const isUnheardOf = fates.length === members.length && fates.every((fate) => fate === "never-begun");
      if (isUnheardOf) void ports.settlement.dropped(batch);
      else ports.dispatcher.accept(batch);
    });
  }

  /** Those of a block that are to be sent, and what has to be over before. */
  interface Sifted {
    readonly heard: readonly Job[];
    readonly behind: readonly Promise<StoredFate>[];
  }

  /** Removals whose `new` never left are dropped with it. */
  async function sift(jobs: readonly Job[]): Promise<Sifted> {
    const [first] = jobs;
    if (first?.delivery.kind !== "removed") return { heard: jobs, behind: [] };
    const { orderKey } = first;
    const behind: Promise<StoredFate>[] = [];
    const takeAll = () => Promise.all(jobs.map((job) => takeNewOf(job, behind)));
    const fates = orderKey === "" ? await takeAll() : await ports.sequencer.locked(orderKey, takeAll);
    if (orderKey !== "") ports.sequencer.recheck(first.delivery.endpointId);
    const heard = jobs.filter((_, n) => fates[n] !== "never-begun");
    for (const [n, job] of jobs.entries()) {
      if (fates[n] === "never-begun") void ports.settlement.dropped(job);
    }
    return { heard, behind };
  }

  /** Takes the `new` of a removal out of whatever it waits in. One that is under way goes before: by its order, or `behind` gets its end. */
  async function takeNewOf(removal: Job, behind: Promise<StoredFate>[]): Promise<StoredFate> {
    const { orderKey, partition } = removal;
    const id = newWebhookIdOf(removal);
    const queued = orderKey === "" ? undefined : ports.sequencer.withdraw(orderKey, id);
    const taken: TakenBack = queued ? { state: "withdrawn", job: queued } : ports.dispatcher.takeBack(id);
    if (taken.state === "withdrawn") {
      if (isUnheard(taken.job)) ports.removals.unheard(taken.job);
      // A batch that waited has its row, which `takeBack` deletes.
      if (!taken.job.stored) void ports.settlement.dropped(taken.job);
    }
    if (orderKey !== "" && (taken.state === "begun" || ports.sequencer.isCurrent(orderKey, id))) {
      return "begun";
    }
    // It may be about to be parked: then it has a row only when it ended.
    if (taken.state === "begun") {
      behind.push(endOf(taken.job).then(() => ports.removals.takeBack(id, partition)));
    }
    const fate = await ports.removals.takeBack(id, partition);
    return taken.state === "begun" ? "begun" : fate;
  }

  function endOf({ delivery: { webhookId } }: Job): Promise<void> {
    return new Promise((resolve) => {
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
    ended({ delivery: { webhookId } }) {
      if (waiting.size === 0) return;
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
