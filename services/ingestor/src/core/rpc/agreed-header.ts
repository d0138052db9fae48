import type { Clock } from "../clock.ts";
import type { Header } from "../model.ts";
import { type BlockReader, DoubtedHeader, undoubted } from "./block-reader.ts";
import type { ProviderPool, Request } from "./provider-pool.ts";
import { RpcError } from "./rpc-error.ts";

export interface HeaderQuestion {
  /** The same for the same question. */
  readonly name: string;
  /** @returns what a provider says, doubted or not. */
  readonly ask: (request: Request, provider: string) => Promise<Header>;
}

/**
 * A provider that has no answer may be about to contradict: it lags behind the one that announced the block, or is out of reach
 * for a moment. After so long, those that answered are all there are: one that is gone must not stop a chain after a fork.
 */
const silenceMaxMs = 10_000;
/** Questions in doubt that are remembered. */
const questionsMax = 64;

/**
 * Asks every provider for a header until one hashes to its hash. Where none does, the one that all of them send alike is taken,
 * still doubted: a lie would be one provider's alone, while a fork that adds a field changes it for everybody.
 */
export function createAgreedHeaders(
  pool: ProviderPool,
  reader: Pick<BlockReader, "admit">,
  clock: Pick<Clock, "now">,
): (question: HeaderQuestion) => Promise<Header> {
  const doubtedSinceMs = new Map<string, number>();

  function hasWaited(name: string): boolean {
    const sinceMs = doubtedSinceMs.get(name) ?? clock.now();
    doubtedSinceMs.set(name, sinceMs);
    const [oldest] = doubtedSinceMs.keys();
    if (doubtedSinceMs.size > questionsMax && oldest !== undefined) doubtedSinceMs.delete(oldest);
    return clock.now() - sinceMs >= silenceMaxMs;
  }

  return async ({ name, ask }) => {
    const doubted = new Map<string, Header>();
    let isAnyoneSilent = false;
    try {
      const header = await pool.ask(async (request, provider) => {
        try {
          return undoubted(await ask(request, provider), provider);
        } catch (error) {
          if (error instanceof DoubtedHeader) doubted.set(provider, error.header);
          else isAnyoneSilent = true;
          throw error;
        }
      });
      doubtedSinceMs.delete(name);
      return header;
    } catch (error) {
      const [said] = doubted;
      if (!(error instanceof RpcError) || !said) throw error;
      const isAgreed = new Set([...doubted.values()].map(inWords)).size === 1;
      if (!isAgreed || (isAnyoneSilent && !hasWaited(name))) throw error;
      doubtedSinceMs.delete(name);
      const [provider, header] = said;
      reader.admit(provider);
      return header;
    }
  };
}

/** What a header's hash would prove; which transactions are listed, it would not. */
function inWords(header: Header): string {
  return JSON.stringify({ ...header, transactionHashes: null });
}
