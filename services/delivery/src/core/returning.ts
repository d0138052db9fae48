import type { Delivery } from "@ethhook/schemas";
import type { Job } from "./job.ts";

/** Parked deliveries on their way back through the log. */
export interface ReturningDeliveries {
  /** Puts them on the log. Rejects when it did not take them. */
  publish(deliveries: readonly Delivery[]): Promise<void>;
  arrived(job: Job): void;
  /** The attempts of one that is on its way; undefined when it is not. */
  attemptsOf(webhookId: string): number | undefined;
  /** Of one endpoint: each will want a place in its lane. */
  countOf(endpointId: string): number;
  clear(): void;
}

type Way = Pick<Delivery, "endpointId" | "attemptsMade">;

/** @param release writes to the log. */
export function createReturning(
  release: (deliveries: readonly Delivery[]) => Promise<void>,
): ReturningDeliveries {
  const ways = new Map<string, Way>();
  const counts = new Map<string, number>();

  function leave(key: string, { endpointId, attemptsMade }: Delivery): void {
    forget(key);
    ways.set(key, { endpointId, attemptsMade });
    counts.set(endpointId, (counts.get(endpointId) ?? 0) + 1);
  }

  function forget(key: string): void {
    const way = ways.get(key);
    if (way === undefined) return;
    ways.delete(key);
    const left = (counts.get(way.endpointId) ?? 0) - 1;
    if (left > 0) counts.set(way.endpointId, left);
    else counts.delete(way.endpointId);
  }

  return {
    async publish(deliveries) {
      for (const delivery of deliveries) leave(keyOf(delivery), delivery);
      try {
        await release(deliveries);
      } catch (error) {
        for (const delivery of deliveries) forget(keyOf(delivery));
        throw error;
      }
    },
    arrived({ delivery }) {
      if (ways.size > 0) forget(keyOf(delivery));
    },
    attemptsOf: (webhookId) => ways.get(webhookId)?.attemptsMade,
    countOf: (endpointId) => counts.get(endpointId) ?? 0,
    clear() {
      ways.clear();
      counts.clear();
    },
  };
}

/** A replay is on its way beside the webhook itself. */
function keyOf({ webhookId, origin }: Delivery): string {
  return origin === "replay" || origin === "redrive" ? `${webhookId}|replay` : webhookId;
}
