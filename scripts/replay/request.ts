import type { Delivery } from "@ethhook/schemas";
import type { Position } from "./position.ts";

/** What became of a webhook so far. `failed`: it was tried and never delivered. `dead`: it was given up. */
export const replayStatuses = ["delivered", "failed", "dead", "pending"] as const;
export type ReplayStatus = (typeof replayStatuses)[number];

/** What is to be sent again. Stored as JSON: a resumed replay reads it back. */
export interface ReplayRequest {
  /** `deliveries`: what was sent, byte for byte. `logs.<chain>`: matched again, with the filters of that time. */
  readonly topic: string;
  readonly from: Position;
  readonly to: Position;
  /** Only this partition of the topic. */
  readonly partition: number | null;
  readonly endpointId: string | null;
  readonly userId: string | null;
  readonly chainId: number | null;
  /** Lower case. */
  readonly contract: string | null;
  readonly status: ReplayStatus | null;
  /**
   * True: the endpoint's present filter is matched against the past, although it did not exist then, up to where the live
   * tail takes over.
   */
  readonly matchAgain: boolean;
  /** Webhooks a second; null for as fast as it goes. */
  readonly ratePerSecond: number | null;
  /** Records that may wait in `deliveries.replay`; 0 for no bound. What waits there is sent even after a cancel. */
  readonly leadMax: number;
}

/** Whether a delivery is asked for, its status left aside. Pure. */
export function isAskedFor(request: ReplayRequest, delivery: Delivery): boolean {
  const { endpointId, userId, chainId, contract, from, to } = request;
  if (endpointId !== null && delivery.endpointId !== endpointId) return false;
  if (userId !== null && delivery.userId !== userId) return false;
  if (chainId !== null && delivery.chainId !== chainId) return false;
  if (contract !== null && delivery.contract !== contract) return false;
  if (from.kind === "block" && delivery.blockNumber < from.number) return false;
  return !(to.kind === "block" && delivery.blockNumber > to.number);
}

/** The record that asks delivery to send it again: same id, same bytes, a retry schedule of its own. */
export function asReplay(delivery: Delivery, origin: "replay" | "redrive"): Delivery {
  const { history: _, ...first } = delivery;
  return { ...first, origin, attemptsMade: 0 };
}
