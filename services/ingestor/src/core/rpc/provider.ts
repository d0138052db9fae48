import { backoffMs } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import type { Budget } from "./budget.ts";
import { RpcError } from "./rpc-error.ts";
import { quantity } from "./rpc-parse.ts";
import type { RpcTransport } from "./transport.ts";

/** A circuit breaker: counts failures of `work`, and refuses it for a while when there are too many. */
export interface Breaker {
  fire<T>(work: () => Promise<T>): Promise<T>;
  isOpen(): boolean;
}

/** One provider of a chain, with all that is known of its health. */
export interface Provider {
  /** Host, and a number where two share one: for logs and metrics. Never the URL, whose path often is the key. */
  readonly name: string;
  readonly kind: "ws" | "http";
  /** Milliseconds until it may be asked; `Infinity`: there is no telling. */
  waitMs(): number;
  /** Whether only our own budget makes it wait. */
  isOnlyBusy(): boolean;
  /** Mean time of an answer, newer ones weighing more. */
  readonly latencyMs: number;
  request(method: string, params: readonly unknown[]): Promise<unknown>;
  /** Asks for its chain id anew. Until it said the right one, nothing it announces is believed. */
  greet(): Promise<void>;
  isOfThisChain(): boolean;
  /** Why it may not be asked, in words; null if it may. */
  trouble(): string | null;
  readonly transport: RpcTransport;
}

export interface ProviderDeps {
  readonly name: string;
  readonly chainId: number;
  readonly transport: RpcTransport;
  readonly breaker: Breaker;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly onFailure: (error: RpcError, method: string) => void;
}

const latencyWeight = 0.2;
/** A provider that serves another chain is asked for its chain id as often as this: someone may have corrected it. */
const mismatchRetryMs = 60_000;

export function createProvider(deps: ProviderDeps): Provider {
  const { name, transport, breaker, budget, clock } = deps;
  let latencyMs = 0;
  let pausedUntilMs = 0;
  let refusals = 0;
  let mismatch: string | undefined;
  let isChainKnown: Promise<void> | undefined;
  let isOfThisChain = false;

  async function request(method: string, params: readonly unknown[]): Promise<unknown> {
    isChainKnown ??= checkChain();
    await isChainKnown;
    return guarded(method, params);
  }

  /** Nothing is asked of a provider before it said that it serves this chain. */
  async function checkChain(): Promise<void> {
    try {
      const raw = await guarded("eth_chainId", []);
      const chainId = quantity(raw);
      mismatch = chainId === deps.chainId ? undefined : `serves chain ${chainId}, not ${deps.chainId}`;
      isOfThisChain = mismatch === undefined;
      if (isOfThisChain) return;
      pausedUntilMs = clock.now() + mismatchRetryMs;
      const error = new RpcError("wrong-chain", `${name} ${mismatch}`);
      deps.onFailure(error, "eth_chainId");
      throw error;
    } catch (error) {
      isChainKnown = undefined;
      throw error;
    }
  }

  async function guarded(method: string, params: readonly unknown[]): Promise<unknown> {
    const waitMs = budget.take(clock.now());
    if (waitMs > 0) await clock.sleep(waitMs);
    const startedAtMs = clock.now();
    try {
      const result = await breaker.fire(() => transport.request(method, params));
      const tookMs = clock.now() - startedAtMs;
      latencyMs = latencyMs === 0 ? tookMs : latencyMs * (1 - latencyWeight) + tookMs * latencyWeight;
      refusals = 0;
      return result;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      if (error.failure === "rate-limited") pause(error.retryAfterMs);
      deps.onFailure(error, method);
      throw error;
    }
  }

  /** Retry-After is obeyed; without one the pause grows 1, 2, 4 … 60 s. */
  function pause(retryAfterMs: number | undefined): void {
    if (clock.now() >= pausedUntilMs) refusals += 1;
    const pauseMs = retryAfterMs ?? backoffMs(refusals, clock.random());
    pausedUntilMs = Math.max(pausedUntilMs, clock.now() + pauseMs);
  }

  return {
    name,
    kind: transport.kind,
    transport,
    get latencyMs() {
      return latencyMs;
    },
    request,
    greet() {
      isOfThisChain = false;
      isChainKnown = checkChain();
      return isChainKnown;
    },
    isOfThisChain: () => isOfThisChain,
    waitMs() {
      if (!transport.isUp() || breaker.isOpen()) return Number.POSITIVE_INFINITY;
      return Math.max(pausedUntilMs - clock.now(), budget.waitMs(clock.now()));
    },
    isOnlyBusy: () => transport.isUp() && !breaker.isOpen() && pausedUntilMs <= clock.now(),
    trouble() {
      if (!transport.isUp()) return "not connected";
      if (mismatch) return mismatch;
      if (breaker.isOpen()) return "circuit open";
      const pausedMs = pausedUntilMs - clock.now();
      return pausedMs > 0 ? `rate limited for ${Math.ceil(pausedMs / 1_000)} s` : null;
    },
  };
}
