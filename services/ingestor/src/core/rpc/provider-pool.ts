import type { Clock } from "../clock.ts";
import type { Provider } from "./provider.ts";
import { RpcError } from "./rpc-error.ts";

export type Request = (method: string, params: readonly unknown[]) => Promise<unknown>;

export interface AskOptions {
  /** Name of the provider to begin with: it announced the block, so it has it. */
  readonly prefer?: string | undefined;
  /** Providers to ask only when there is no other. */
  readonly avoid?: ReadonlySet<string> | undefined;
}

/** The providers of one chain as one: whoever asks gets an answer from the best that can give it. */
export interface ProviderPool {
  /**
   * Runs `use` against one provider after the other until one succeeds. A provider whose answer `use` refuses by
   * throwing an `RpcError` is thereby set aside for this question.
   * @throws RpcError the last one, when none succeeded.
   */
  ask<T>(use: (request: Request, provider: string) => Promise<T>, options?: AskOptions): Promise<T>;
}

export interface ProviderPoolDeps {
  readonly providers: readonly Provider[];
  /** Whether a provider's newest head is too old: it is asked after the others. */
  readonly isStale: (provider: string) => boolean;
  readonly clock: Pick<Clock, "sleep">;
}

/**
 * A question waits this long for a provider that was told to wait, or is over its budget while another is not. Where all
 * that is left is over its budget, it waits its turn: failing would throw away what the others of its kind have paid for.
 */
const waitMaxMs = 5_000;
/** Providers this much slower than another are asked after it. Smaller differences are noise. */
const latencyStepMs = 25;

export function createProviderPool({ providers, isStale, clock }: ProviderPoolDeps): ProviderPool {
  /** Smaller is better. What makes an answer doubtful weighs more than what makes it late. */
  function rank(provider: Provider, { prefer, avoid }: AskOptions): number {
    const waits = provider.waitMs() > 0 ? 1 : 0;
    return (
      (avoid?.has(provider.name) ? 1e9 : 0) +
      waits * 1e8 +
      (isStale(provider.name) ? 1e7 : 0) +
      (provider.name === prefer ? 0 : 1e6) +
      Math.floor(provider.latencyMs / latencyStepMs)
    );
  }

  return {
    async ask(use, options = {}) {
      const ranked = providers
        .map((provider) => ({ provider, rank: rank(provider, options) }))
        .toSorted((a, b) => a.rank - b.rank);
      const isPatient = ranked.every(({ provider }) => provider.waitMs() > waitMaxMs);
      let last: RpcError | undefined;
      for (const { provider } of ranked) {
        const waitMs = provider.waitMs();
        if (waitMs > waitMaxMs && !(isPatient && provider.isOnlyBusy())) continue;
        if (waitMs > 0) await clock.sleep(waitMs);
        try {
          return await use((method, params) => provider.request(method, params), provider.name);
        } catch (error) {
          if (!(error instanceof RpcError)) throw error;
          last = error;
        }
      }
      throw last ?? new RpcError("network", `no provider can be asked: ${troubles(providers)}`);
    },
  };
}

function troubles(providers: readonly Provider[]): string {
  return providers.map(({ name, trouble }) => `${name} (${trouble() ?? "over its budget"})`).join(", ");
}
