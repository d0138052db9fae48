import CircuitBreaker from "opossum";
import type { Breaker } from "../core/rpc/provider.ts";
import { RpcError, type RpcFailure } from "../core/rpc/rpc-error.ts";

export interface BreakerOptions {
  readonly onOpen: () => void;
  readonly onClose: () => void;
}

/** Answers that say something about the question, not about the provider's health. */
const healthy: ReadonlySet<RpcFailure> = new Set([
  "range-too-large",
  "unknown-block",
  "unverified",
  "rate-limited",
]);

const resetTimeoutMs = 10_000;

/**
 * Opens when half of a provider's requests within 10 s failed, five at least; lets one through again after 10 s.
 * Timeouts are the transport's own: a second clock here would only disagree with it.
 */
export function createOpossumBreaker({ onOpen, onClose }: BreakerOptions): Breaker & { stop(): void } {
  const breaker = new CircuitBreaker((work: () => Promise<unknown>) => work(), {
    timeout: false,
    errorThresholdPercentage: 50,
    volumeThreshold: 5,
    resetTimeout: resetTimeoutMs,
    rollingCountTimeout: 10_000,
    rollingPercentilesEnabled: false,
    // A timer a second for every provider, and nobody listens.
    enableSnapshots: false,
    errorFilter: (error) => error instanceof RpcError && healthy.has(error.failure),
  });
  breaker.on("open", onOpen);
  breaker.on("close", onClose);
  return {
    isOpen: () => breaker.opened,
    async fire<T>(work: () => Promise<T>): Promise<T> {
      try {
        return (await breaker.fire(work)) as T;
      } catch (error) {
        if (error instanceof RpcError || !CircuitBreaker.isOurError(error as Error)) throw error;
        throw new RpcError("network", "the circuit is open", { cause: error });
      }
    },
    stop: () => breaker.shutdown(),
  };
}
