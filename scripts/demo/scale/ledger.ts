/** A webhook that must arrive. */
export interface Sent {
  readonly webhookId: string;
  /** What it is in order with, in the order of the list; null without an order. */
  readonly order: string | null;
}

/** A POST as its receiver saw it. */
export interface Received {
  readonly webhookId: string;
  /** The body, or a digest of it. */
  readonly body: string;
  /** Whether it was answered with 2xx. */
  readonly taken: boolean;
}

/** What became of what was sent, by what the receiver saw. */
export interface Ledger {
  /** Never arrived with an answer of 2xx. */
  readonly lost: readonly string[];
  /** Arrived though nobody sent them. */
  readonly unknown: readonly string[];
  /** POSTs of a webhook after the first one. */
  readonly duplicates: number;
  /** Webhooks that came with more than one body. */
  readonly changed: readonly string[];
  /** Webhooks that were first taken before one that precedes them in their order. */
  readonly reordered: readonly string[];
}

/** Compares what was sent with what arrived, in the order of its arrival. Pure. */
export function compareLedger(sent: readonly Sent[], received: readonly Received[]): Ledger {
  const firstTaken = new Map<string, number>();
  const bodies = new Map<string, Set<string>>();
  let duplicates = 0;
  for (const [n, { webhookId, body, taken }] of received.entries()) {
    const known = bodies.get(webhookId);
    if (known === undefined) bodies.set(webhookId, new Set([body]));
    else known.add(body);
    if (firstTaken.has(webhookId)) duplicates += 1;
    else if (taken) firstTaken.set(webhookId, n);
  }
  const expected = new Set(sent.map(({ webhookId }) => webhookId));
  return {
    lost: [...expected].filter((webhookId) => !firstTaken.has(webhookId)),
    unknown: [...bodies.keys()].filter((webhookId) => !expected.has(webhookId)),
    duplicates,
    changed: [...bodies].filter(([, all]) => all.size > 1).map(([webhookId]) => webhookId),
    reordered: reorderedOf(sent, firstTaken),
  };
}

function reorderedOf(sent: readonly Sent[], firstTaken: ReadonlyMap<string, number>): string[] {
  const latest = new Map<string, number>();
  const reordered: string[] = [];
  for (const { webhookId, order } of sent) {
    const at = firstTaken.get(webhookId);
    if (order === null || at === undefined) continue;
    const before = latest.get(order) ?? -1;
    if (at < before) reordered.push(webhookId);
    latest.set(order, Math.max(at, before));
  }
  return reordered;
}
