import type { Delivery } from "@ethhook/schemas";

/**
 * One delivery that this process took over, from a topic or from Postgres. It is open until `settle`: then its offset may be
 * committed, because it is delivered, parked in Postgres, dead-lettered or dropped on purpose.
 */
export interface Job {
  readonly delivery: Delivery;
  /** From `deliveries.replay`: waits behind everything that is due now, and beside any order. */
  readonly replay: boolean;
  readonly partition: number;
  /** Where it stood in its topic: what an order goes by. */
  readonly offset: number;
  /** Size of its record. */
  readonly bytes: number;
  /** Unix ms, when it was taken over. */
  readonly takenAtMs: number;
  /** Nobody before this process can have begun its POST. */
  readonly fresh: boolean;
  /** A row in Postgres stands for it already. */
  readonly stored: boolean;
  /** What it is in order with; empty without an order. */
  readonly orderKey: string;
  /** Its place in that order, once it has one. */
  readonly numbering?: Numbering;
  settle(): void;
  /** False once the partition belongs to another process: the job must not be begun. */
  isCurrent(): boolean;
}

/** Which delivery of its order this is, and the one before: told to the receiver, so that it sees a gap. */
export interface Numbering {
  /** 1, 2, 3 … */
  readonly sequence: number;
  /** Null for the first. */
  readonly previousWebhookId: string | null;
}

/** Whether it sends this webhook, alone or in its batch. */
export function carries({ delivery }: Job, webhookId: string): boolean {
  return delivery.webhookId === webhookId || delivery.batch?.includes(webhookId) === true;
}

/** Nothing of it was ever sent: for a job that this process has not begun. */
export function isUnheard({ fresh, delivery }: Job): boolean {
  return fresh && delivery.attemptsMade === 0;
}

/** How a job ended. */
export type JobEnd =
  | { readonly kind: "delivered" | "buried" | "dropped" | "withdrawn" }
  | { readonly kind: "parked"; readonly dueAtMs: number };
