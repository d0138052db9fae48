import type { Delivery } from "@ethhook/schemas";
import type { Post } from "./test-receiver.ts";

/** What became of deliveries, by what their receiver saw. */
export interface Ledger {
  /** Never arrived with an answer of 2xx. */
  readonly lost: readonly string[];
  /** POSTs of a webhook after the first one that was taken. */
  readonly duplicates: number;
  /** Webhooks that came with more than one body. */
  readonly changed: readonly string[];
  /** Webhooks of ordered endpoints that were first taken before one that precedes them. */
  readonly reordered: readonly string[];
}

/** A POST and whether it was answered with 2xx. */
export interface Taken {
  readonly post: Post;
  readonly taken: boolean;
}

/**
 * Compares what was sent with what arrived.
 * @param orderOf what a delivery is in order with; null without an order.
 */
export function ledgerOf(
  sent: readonly Delivery[],
  received: readonly Taken[],
  orderOf: (delivery: Delivery) => string | null,
): Ledger {
  const firstTaken = new Map<string, number>();
  const bodies = new Map<string, Set<string>>();
  let duplicates = 0;
  for (const [n, { post, taken }] of received.entries()) {
    const known = bodies.get(post.webhookId) ?? new Set();
    bodies.set(post.webhookId, known.add(post.body));
    if (firstTaken.has(post.webhookId)) duplicates += 1;
    else if (taken) firstTaken.set(post.webhookId, n);
  }
  const latest = new Map<string, number>();
  const reordered: string[] = [];
  for (const delivery of sent) {
    const order = orderOf(delivery);
    const at = firstTaken.get(delivery.webhookId);
    if (order === null || at === undefined) continue;
    if (at < (latest.get(order) ?? -1)) reordered.push(delivery.webhookId);
    latest.set(order, Math.max(at, latest.get(order) ?? -1));
  }
  return {
    lost: sent.filter(({ webhookId }) => !firstTaken.has(webhookId)).map(({ webhookId }) => webhookId),
    duplicates,
    changed: [...bodies].filter(([, all]) => all.size > 1).map(([id]) => id),
    reordered,
  };
}
