import type { Clock } from "../clock.ts";
import type { BlockRef, HeadNotice, Header, VerifiedBlock } from "../model.ts";
import type { BlockSource, KnownOfBlock } from "../ports.ts";
import { createAgreedHeaders } from "./agreed-header.ts";
import { type BlockReader, DoubtedHeader } from "./block-reader.ts";
import type { ProviderPool } from "./provider-pool.ts";
import { toQuantity } from "./quantity.ts";
import { readRange } from "./range.ts";
import { RpcError } from "./rpc-error.ts";

export interface BlockSourceDeps {
  readonly pool: ProviderPool;
  readonly reader: BlockReader;
  readonly clock: Pick<Clock, "now">;
  /** Blocks of a range whose headers are fetched at a time. */
  readonly fetchAhead: number;
}

/** Blocks whose failed providers are remembered. */
const setAsideBlocksMax = 64;

/** Blocks from JSON-RPC providers, each verified before it is returned. */
export function createBlockSource({ pool, reader, clock, fetchAhead }: BlockSourceDeps): BlockSource {
  const setAside = createSetAside();
  const agreedHeader = createAgreedHeaders(pool, reader, clock);

  const headerByHash = (hash: string): Promise<Header> =>
    agreedHeader({
      name: hash,
      ask: async (request, provider) =>
        reader.header(await request("eth_getBlockByHash", [hash, false]), provider, hash),
    });

  const headerByNumber = (number: number): Promise<Header> =>
    agreedHeader({
      name: String(number),
      async ask(request, provider) {
        const raw = await request("eth_getBlockByNumber", [toQuantity(number), false]);
        const header = reader.header(raw, provider, `${number}`);
        if (header.number !== number)
          throw new RpcError("unverified", `${provider}: asked for ${number}, got ${header.number}`);
        return header;
      },
    });

  async function block(ref: BlockRef, known: KnownOfBlock): Promise<VerifiedBlock> {
    let isDoubted = false;
    try {
      return await pool.ask(
        async (request, provider) => {
          try {
            const block = await reader.read(request, provider, ref, known);
            setAside.forget(ref.hash);
            return block;
          } catch (error) {
            isDoubted ||= error instanceof DoubtedHeader;
            if (error instanceof RpcError && error.failure === "unverified") setAside.add(ref.hash, provider);
            throw error;
          }
        },
        { prefer: known.from, avoid: setAside.of(ref.hash) },
      );
    } catch (error) {
      if (!isDoubted) throw error;
      return block(ref, { ...known, header: await headerByHash(ref.hash) });
    }
  }

  return {
    latest: (avoid) =>
      pool.ask(
        async (request, from): Promise<HeadNotice> => {
          const raw = await request("eth_getBlockByNumber", ["latest", false]);
          const header = reader.header(raw, from, "latest");
          const { parentHash } = header;
          // In doubt it is what an announcement is: enough to wake up, not to publish by.
          const proven = header.isDoubted ? null : header;
          return { ...refOf(header), parentHash, header: proven, from, seenAtMs: clock.now() };
        },
        { avoid: avoid === undefined ? undefined : new Set([avoid]) },
      ),
    headerByHash,
    block,
    range: (from, to) => readRange(from, to, { pool, reader, fetchAhead, headerByNumber, block }),
    finalized: () =>
      pool.ask(async (request, provider) => {
        const raw = await request("eth_getBlockByNumber", ["finalized", false]);
        return raw === null ? null : refOf(reader.header(raw, provider, "finalized"));
      }),
  };
}

/** Which providers failed the proof of a block: they are asked last for it, and once all have failed, all again. */
function createSetAside() {
  const byHash = new Map<string, Set<string>>();
  return {
    of: (hash: string): ReadonlySet<string> | undefined => byHash.get(hash),
    forget: (hash: string) => byHash.delete(hash),
    add(hash: string, provider: string) {
      const names = byHash.get(hash) ?? new Set<string>();
      byHash.set(hash, names.add(provider));
      const [oldest] = byHash.keys();
      if (byHash.size > setAsideBlocksMax && oldest !== undefined) byHash.delete(oldest);
    },
  };
}

function refOf({ number, hash }: BlockRef): BlockRef {
  return { number, hash };
}
