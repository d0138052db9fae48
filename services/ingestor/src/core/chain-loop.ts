import { backoffMs } from "./backoff.ts";
import type { Clock } from "./clock.ts";
import type { Follower } from "./follower.ts";
import type { Heads } from "./heads.ts";
import type { BlockRef, HeadNotice } from "./model.ts";
import type { BlockSource } from "./ports.ts";
import { RpcError } from "./rpc/rpc-error.ts";

export interface ChainLoopDeps {
  readonly source: BlockSource;
  readonly heads: Heads;
  readonly clock: Clock;
  /** Whether any provider announces heads now; without one, the head is asked for all the time. */
  readonly isAnnounced: () => boolean;
  /** Whether any provider is connected. */
  readonly isConnected: () => boolean;
  /** Between two questions for the head, while nobody announces one. */
  readonly pollMs: number;
  /** Least time between two questions for the finalized block. */
  readonly finalityMs: number;
  /** Drops a provider's connection and makes a new one. */
  readonly rebuild: (provider: string, reason: string) => void;
  readonly onSourceFailure: (error: RpcError) => void;
}

/** One chain's life between two openings of its ledger. */
export interface ChainLoop {
  /** An announcement came. */
  announce(head: HeadNotice): void;
  /**
   * Follows heads until the signal is aborted. Failures of providers are waited out here.
   * @throws whatever the ledger threw: its state is unknown then, and so is the follower's.
   */
  run(follower: Follower, signal: AbortSignal): Promise<void>;
}

const retryFirstMs = 100;
const retryLastMs = 5_000;
const connectGraceMs = 5_000;
const connectCheckMs = 20;

export function createChainLoop(deps: ChainLoopDeps): ChainLoop {
  const { source, heads, clock } = deps;
  let tip: () => BlockRef | undefined = () => undefined;
  let wake: (() => void) | undefined;
  let polledFrom: string | undefined;
  let finalityAtMs = Number.NEGATIVE_INFINITY;

  function announce(head: HeadNotice): void {
    if (heads.offer(head, tip())) wake?.();
  }

  /** Asks for the head, of another provider each time: so a lagging one costs a question, not the chain. */
  async function poll(): Promise<void> {
    const head = await source.latest(polledFrom);
    polledFrom = head.from;
    announce(head);
    for (const name of heads.overtaken(clock.now()))
      deps.rebuild(name, `it announces nothing, while ${head.from} has block ${head.number}`);
  }

  /** After a failure, of another provider if there is one. That nobody answers it does not matter if a head is known anyway. */
  async function pollUnless(known: () => HeadNotice | undefined): Promise<HeadNotice | undefined> {
    try {
      await poll();
      return known();
    } catch (error) {
      const head = known();
      if (!head || !(error instanceof RpcError)) throw error;
      deps.onSourceFailure(error);
      return head;
    }
  }

  /** Announcements wake the loop at once; without any, the question for the head is asked again and again. */
  async function nextHead(signal: AbortSignal): Promise<HeadNotice | undefined> {
    for (;;) {
      const head = heads.take();
      if (head || signal.aborted) return head;
      await sleepUntilWoken(deps.pollMs);
      if (!signal.aborted && (!deps.isAnnounced() || heads.isQuiet(clock.now()))) await poll();
    }
  }

  /** `run` wakes it at the end of the signal: to listen to that here would add a listener at every wait. */
  async function sleepUntilWoken(delayMs: number): Promise<void> {
    const woken = new AbortController();
    wake = () => woken.abort();
    await clock.sleep(delayMs, woken.signal);
    wake = undefined;
  }

  /** The first connection takes a moment: a warning about it would cry wolf at each start. */
  async function untilConnected(signal: AbortSignal): Promise<void> {
    const deadlineMs = clock.now() + connectGraceMs;
    while (!deps.isConnected() && !signal.aborted && clock.now() < deadlineMs) {
      await clock.sleep(connectCheckMs, signal);
    }
  }

  async function settleFinality(follower: Follower): Promise<void> {
    if (clock.now() - finalityAtMs < deps.finalityMs) return;
    finalityAtMs = clock.now();
    await follower.settleFinality();
  }

  return {
    announce,
    async run(follower, signal) {
      tip = () => follower.window.tip;
      let pending: HeadNotice | undefined;
      let failures = 0;
      let isFirst = true;
      signal.addEventListener("abort", () => wake?.(), { once: true });
      await untilConnected(signal);
      while (!signal.aborted) {
        try {
          if (isFirst || failures > 0) pending = await pollUnless(() => heads.take() ?? pending);
          isFirst = false;
          pending = heads.take() ?? pending ?? (await nextHead(signal));
          if (pending) await follower.advance(pending);
          pending = undefined;
          await settleFinality(follower);
          failures = 0;
        } catch (error) {
          if (!(error instanceof RpcError)) throw error;
          failures += 1;
          deps.onSourceFailure(error);
          await clock.sleep(backoffMs(failures, clock.random(), retryFirstMs, retryLastMs), signal);
        }
      }
    },
  };
}
