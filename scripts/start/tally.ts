import type { Attempt, Block, Delivery } from "@ethhook/schemas";
import { createLatencies, type Latencies } from "./latencies.ts";

/** What happened on one chain since the session began. */
export interface ChainTally {
  readonly chain: string;
  readonly chainId: number;
  readonly blocks: number;
  readonly logs: number;
  /** Distinct webhooks that the matcher made of those logs. */
  readonly matched: number;
  /** Of those, received with a right signature. */
  readonly delivered: number;
  /** Of those, not received though a POST was made. */
  readonly failed: number;
  /** Number of the newest block; null before the first. */
  readonly head: number | null;
}

export interface Tally {
  /** A ledger record. */
  block(block: Block): void;
  /** A record of `deliveries`. */
  delivery(delivery: Delivery): void;
  /** A record of `attempts`. */
  attempt(attempt: Attempt): void;
  /** The receiver took a webhook. */
  received(webhookId: string, receivedAtMs: number): void;
  chains(): readonly ChainTally[];
  /** Milliseconds from a block being seen to its webhook being received. */
  readonly latencies: Latencies;
  /** When the first webhook was received; null before. */
  firstReceivedAtMs(): number | null;
}

/** What is known of one webhook: the topics and the receiver tell of it in any order. */
interface Story {
  chainId?: number;
  seenAtMs?: number;
  receivedAtMs?: number;
  failed?: true;
}

type Counters = { -readonly [K in keyof ChainTally]: ChainTally[K] };

/** Webhooks remembered, to know a repeated record from a new one. Those that were received are forgotten first. */
const storiesMax = 500_000;

/**
 * Counts a session from what the topics hold and what the receiver saw; repeated records count once.
 * @param sinceMs Unix milliseconds: blocks seen before belong to an earlier session.
 * @param isOurs whether an endpoint belongs to this session; deliveries to others are not counted.
 */
export function createTally(
  chains: readonly { readonly id: number; readonly name: string }[],
  sinceMs: number,
  isOurs: (endpointId: string) => boolean,
): Tally {
  const counters = new Map<number, Counters>(
    chains.map(({ id, name }) => [
      id,
      { chain: name, chainId: id, blocks: 0, logs: 0, matched: 0, delivered: 0, failed: 0, head: null },
    ]),
  );
  const stories = new Map<string, Story>();
  const latencies = createLatencies();
  let firstReceivedAtMs: number | null = null;

  function storyOf(webhookId: string): Story {
    const known = stories.get(webhookId);
    if (known !== undefined) return known;
    const story: Story = {};
    stories.set(webhookId, story);
    if (stories.size > storiesMax) forgetOldest(stories);
    return story;
  }

  /** Called once for each webhook, when both its match and its receipt are known. */
  function settle(story: Story, counter: Counters): void {
    counter.delivered += 1;
    if (story.failed) counter.failed -= 1;
    latencies.add((story.receivedAtMs ?? 0) - (story.seenAtMs ?? 0));
  }

  return {
    latencies,
    firstReceivedAtMs: () => firstReceivedAtMs,
    chains: () => [...counters.values()].map((counter) => ({ ...counter })),

    block(block) {
      const counter = counters.get(block.chainId);
      if (counter === undefined || block.kind !== "added" || block.seenAtMs < sinceMs) return;
      counter.blocks += 1;
      counter.logs += block.logCount;
      counter.head = block.number;
    },

    delivery(delivery) {
      const counter = counters.get(delivery.chainId);
      if (counter === undefined || !isOurs(delivery.endpointId)) return;
      const story = storyOf(delivery.webhookId);
      if (story.chainId !== undefined) return;
      story.chainId = delivery.chainId;
      story.seenAtMs = delivery.seenAtMs;
      counter.matched += 1;
      if (story.failed) counter.failed += 1;
      if (story.receivedAtMs !== undefined) settle(story, counter);
    },

    attempt(attempt) {
      if (attempt.outcome === "delivered" || !isOurs(attempt.endpointId)) return;
      const story = storyOf(attempt.webhookId);
      if (story.failed || story.receivedAtMs !== undefined) return;
      story.failed = true;
      const counter = story.chainId === undefined ? undefined : counters.get(story.chainId);
      if (counter !== undefined) counter.failed += 1;
    },

    received(webhookId, receivedAtMs) {
      firstReceivedAtMs ??= receivedAtMs;
      const story = storyOf(webhookId);
      if (story.receivedAtMs !== undefined) return;
      story.receivedAtMs = receivedAtMs;
      const counter = story.chainId === undefined ? undefined : counters.get(story.chainId);
      if (counter !== undefined) settle(story, counter);
    },
  };
}

/** The oldest that was received; when there is none, the oldest. */
function forgetOldest(stories: Map<string, Story>): void {
  let oldest: string | undefined;
  for (const [id, story] of stories) {
    oldest ??= id;
    if (story.receivedAtMs === undefined || story.chainId === undefined) continue;
    stories.delete(id);
    return;
  }
  if (oldest !== undefined) stories.delete(oldest);
}
