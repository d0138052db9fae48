import { webhookId, type Delivery } from "@ethhook/schemas";
import type { Dispatcher } from "./dispatcher.ts";
import { isUnheard, type Job, type JobEnd } from "./job.ts";
import type { ReturningDeliveries } from "./returning.ts";
import type { Sequencer } from "./sequencer.ts";
import type { Settlement } from "./settlement.ts";

/** What Postgres knows of a `new` webhook that is taken back. */
export type StoredFate =
  /** It waited there, nothing had been sent of it, and it is gone now. */
  | "never-begun"
  /** It waited there after an attempt, and is gone now. */
  | "begun"
  /** It does not wait there. */
  | "absent";

/** What waits in Postgres, as far as removals are concerned. */
export interface RemovalStore {
  /**
   * Deletes the row of a `new` webhook, or of the batch it is in, and remembers that it was taken back, for the case that it is on
   * its way through the log. Never rejects: it tries until the store answers.
   */
  takeBack(webhookId: string, partition: number): Promise<StoredFate>;
  /** Deletes the row of a removal that need not be sent. */
  forget(webhookId: string): Promise<void>;
}

export interface RemovalPorts {
  readonly store: RemovalStore;
  readonly returning: Pick<ReturningDeliveries, "attemptsOf">;
  readonly dispatcher: Pick<Dispatcher, "takeBack" | "accept">;
  readonly sequencer: Pick<Sequencer, "accept" | "withdraw" | "isCurrent" | "parkBehind" | "locked">;
  readonly settlement: Pick<Settlement, "dropped">;
}

/**
 * A `removed` against its `new`: it waits for a `new` under way; it cancels one that waits, here or in Postgres; and it is sent only
 * if something of the `new` may have been sent.
 */
export interface Removals {
  handle(removal: Job): void;
  /** A `new`, or a batch with one, that a removal took back earlier: it must not be sent. */
  isTakenBack(delivery: Delivery): boolean;
  /** Takes back what waits of a `new` in Postgres; from now on it `isTakenBack`. */
  takeBack(webhookId: string, partition: number): Promise<StoredFate>;
  /** A job was withdrawn that nobody can have begun: for `takeBack`, whatever Postgres knows of it, nothing of it was sent. */
  unheard(job: Job): void;
  /** A job of the dispatcher ended: removals may have waited for it. */
  ended(job: Job, end: JobEnd): void;
  /** Those that were taken back lately, after an assignment. */
  restore(webhookIds: readonly string[]): void;
  clear(): void;
}

/** Remembered at most; the oldest are forgotten. Only those matter that are on their way through the log. */
const takenBackMax = 50_000;

export function createRemovals(ports: RemovalPorts): Removals {
  const { dispatcher, sequencer, store } = ports;
  /** By webhook; true when it is known here that nothing of it was sent. */
  const takenBack = new Map<string, boolean>();
  /** Removals that wait for the job of their `new` to end. */
  const waiting = new Map<string, Job[]>();

  function remember(id: string, isUnheardOf = takenBack.get(id) ?? false): void {
    takenBack.set(id, isUnheardOf);
    if (takenBack.size > takenBackMax) {
      for (const oldest of takenBack.keys()) return void takenBack.delete(oldest);
    }
  }

  async function takeBack(id: string, partition: number): Promise<StoredFate> {
    remember(id);
    const fate = await store.takeBack(id, partition);
    return takenBack.get(id) === true ? "never-begun" : fate;
  }

  /** Neither is sent: the receiver never heard of the log. */
  function dropBoth(fresh: Job, removal: Job): void {
    void ports.settlement.dropped(fresh);
    void ports.settlement.dropped(removal);
  }

  function pass(removal: Job): void {
    if (removal.orderKey === "") dispatcher.accept(removal);
    else sequencer.accept(removal);
  }

  function handle(removal: Job): void {
    const id = newWebhookIdOf(removal);
    const queued = removal.orderKey === "" ? undefined : sequencer.withdraw(removal.orderKey, id);
    if (queued !== undefined) return cancelled(queued, removal);
    const taken = dispatcher.takeBack(id);
    if (taken.state === "withdrawn") return cancelled(taken.job, removal);
    if (removal.orderKey !== "") return handleOrdered(removal, id, taken.state === "begun");
    if (taken.state === "absent") return void askStore(removal, id);
    const behind = waiting.get(taken.job.delivery.webhookId) ?? [];
    waiting.set(taken.job.delivery.webhookId, [...behind, removal]);
  }

  /** The `new` waited in memory and was not begun here; somebody before may have. */
  function cancelled(fresh: Job, removal: Job): void {
    if (isUnheard(fresh)) return dropBoth(fresh, removal);
    void ports.settlement.dropped(fresh);
    pass(removal);
  }

  /** The sequencer keeps the removal behind its `new`; only what waits in Postgres must be looked at. */
  function handleOrdered(removal: Job, id: string, begun: boolean): void {
    if (begun || sequencer.isCurrent(removal.orderKey, id)) return sequencer.accept(removal);
    const parked = sequencer.parkBehind(removal);
    // Nothing of this order waits in Postgres: its `new` was sent or given up.
    if (parked === undefined) return sequencer.accept(removal);
    void sequencer.locked(removal.orderKey, async () => {
      await parked;
      const fate = await takeBack(id, removal.partition);
      if (fate === "never-begun") await store.forget(removal.delivery.webhookId);
    });
  }

  async function askStore(removal: Job, id: string): Promise<void> {
    const fate = await takeBack(id, removal.partition);
    if (!removal.isCurrent()) return;
    if (fate === "never-begun") return void ports.settlement.dropped(removal);
    const attempts = ports.returning.attemptsOf(id);
    // It was on its way back from Postgres: it will be dropped when it comes.
    if (fate === "absent" && attempts === 0) return void ports.settlement.dropped(removal);
    const taken = dispatcher.takeBack(id);
    if (taken.state === "absent") return pass(removal);
    handle(removal);
  }

  return {
    handle,
    isTakenBack({ webhookId: id, batch = [] }) {
      return takenBack.size > 0 && (takenBack.has(id) || batch.some((member) => takenBack.has(member)));
    },
    takeBack,
    unheard({ delivery: { webhookId: id, batch = [id] } }) {
      for (const member of batch) remember(member, true);
    },
    ended(job, end) {
      if (waiting.size === 0) return;
      const { webhookId: id } = job.delivery;
      const behind = waiting.get(id);
      if (behind === undefined) return;
      waiting.delete(id);
      for (const removal of behind) {
        if (!removal.isCurrent() || end.kind === "withdrawn") continue;
        if (end.kind === "parked") void askStore(removal, newWebhookIdOf(removal));
        else dispatcher.accept(removal);
      }
    },
    restore(ids) {
      for (const id of ids) remember(id);
    },
    clear() {
      waiting.clear();
      takenBack.clear();
    },
  };
}

/** The webhook that told of the log which this one takes back. */
export function newWebhookIdOf({ delivery }: Job): string {
  const { eventId, addedSequence: sequence, endpointId } = delivery;
  return webhookId({ eventId, sequence, endpointId, kind: "new" });
}
