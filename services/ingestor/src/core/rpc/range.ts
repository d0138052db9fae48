import { inOrderAhead } from "../in-order-ahead.ts";
import type { Header, VerifiedBlock } from "../model.ts";
import type { BlockSource } from "../ports.ts";
import type { BlockReader } from "./block-reader.ts";
import { discard, isLargeList } from "./large-list.ts";
import type { ProviderPool } from "./provider-pool.ts";
import { toQuantity } from "./quantity.ts";
import { RpcError, type RpcFailure } from "./rpc-error.ts";

export interface RangeDeps {
  readonly pool: ProviderPool;
  readonly reader: BlockReader;
  /** Blocks whose headers are fetched at a time. */
  readonly fetchAhead: number;
  readonly headerByNumber: (number: number) => Promise<Header>;
  readonly block: BlockSource["block"];
}

/** Spans of blocks whose logs are asked for in one request, side by side. */
const spansAhead = 2;
const spanBlocksMax = 128;
/** A span is doubled while it brings fewer logs than this, and halved above four times as many. */
const spanLogsWanted = 1_000;

/** Failures that another provider may not have; after any other, the range itself is taken to be the trouble. */
const providersOwn: ReadonlySet<RpcFailure> = new Set(["network", "rate-limited", "wrong-chain"]);

/**
 * Consecutive blocks in order, fetched in spans: one request for the logs of many blocks, cut in half as often as
 * a node refuses it, in whatever words. A range call may silently return less, so each block is proven against its
 * own header all the same, and read by its hash if that fails.
 */
export async function* readRange(
  from: number,
  to: number,
  deps: RangeDeps,
): AsyncGenerator<VerifiedBlock, void, undefined> {
  let width = deps.fetchAhead;

  function* spans(): Generator<readonly number[]> {
    for (let next = from; next <= to;) {
      const first = next;
      const last = Math.min(first + width - 1, to);
      next = last + 1;
      yield Array.from({ length: next - first }, (_, index) => first + index);
    }
  }

  async function readSpan(numbers: readonly number[]): Promise<readonly VerifiedBlock[]> {
    const first = numbers[0] ?? from;
    const logs = deps.reader.canProveByLogs
      ? logsBetween(deps.pool, first, first + numbers.length - 1)
      : Promise.resolve(noLogs);
    logs.catch(() => undefined);
    const headers: Header[] = [];
    for await (const header of inOrderAhead(numbers, deps.fetchAhead, deps.headerByNumber))
      headers.push(header);
    const answer = await logs;
    width = nextWidth(numbers.length, answer);
    const read = (header: Header) => proven(header, answer) ?? deps.block(header, { header });
    const blocks: VerifiedBlock[] = [];
    for await (const block of inOrderAhead(headers, deps.fetchAhead, async (header) => read(header)))
      blocks.push(block);
    return blocks;
  }

  function proven(header: Header, { parts }: SpanLogs): VerifiedBlock | null {
    const part = parts.find(({ first, last }) => header.number >= first && header.number <= last);
    return part ? deps.reader.prove(part.provider, header, part.byHash.get(header.hash) ?? []) : null;
  }

  for await (const blocks of inOrderAhead(spans(), spansAhead, readSpan)) yield* blocks;
}

/** Logs that one node gave for some of a span's blocks. */
interface SpanPart {
  readonly first: number;
  readonly last: number;
  readonly provider: string;
  readonly byHash: ReadonlyMap<string, readonly unknown[]>;
}

interface SpanLogs {
  /** Blocks of no part have to be read by their hash: no node gave their logs as a range. */
  readonly parts: readonly SpanPart[];
  readonly count: number;
  /** The range was refused, and cut. */
  readonly wasCut: boolean;
}

/** Nobody gave them. */
const noLogs: SpanLogs = { parts: [], count: 0, wasCut: false };

function nextWidth(width: number, { count, wasCut }: SpanLogs): number {
  if (wasCut || count > 4 * spanLogsWanted) return Math.max(1, Math.floor(width / 2));
  return count < spanLogsWanted ? Math.min(spanBlocksMax, width * 2) : width;
}

async function logsBetween(pool: ProviderPool, from: number, to: number): Promise<SpanLogs> {
  const filter = { fromBlock: toQuantity(from), toBlock: toQuantity(to) };
  const answer = await pool
    .ask(async (request, provider): Promise<SpanLogs | "refused"> => {
      try {
        const answer = await request("eth_getLogs", [filter]);
        if (!isLargeList(answer)) return grouped(provider, from, to, answer);
        await discard(answer);
        return "refused";
      } catch (error) {
        if (!(error instanceof RpcError) || providersOwn.has(error.failure)) throw error;
        return "refused";
      }
    })
    .catch((error: unknown): SpanLogs => {
      if (!(error instanceof RpcError)) throw error;
      return { ...noLogs, wasCut: true };
    });
  if (answer !== "refused") return answer;
  if (from === to) return { ...noLogs, wasCut: true };
  const middle = Math.floor((from + to) / 2);
  const low = await logsBetween(pool, from, middle);
  const high = await logsBetween(pool, middle + 1, to);
  return {
    parts: [...low.parts, ...high.parts],
    count: low.count + high.count,
    wasCut: true,
  };
}

function grouped(provider: string, first: number, last: number, raw: unknown): SpanLogs {
  if (!Array.isArray(raw)) throw new RpcError("malformed", `${provider}: a range of logs that is no list`);
  const byHash = new Map<string, unknown[]>();
  for (const log of raw as readonly ({ readonly blockHash?: unknown } | null)[]) {
    const hash = String(log?.blockHash).toLowerCase();
    const group = byHash.get(hash);
    if (group) group.push(log);
    else byHash.set(hash, [log]);
  }
  return { parts: [{ first, last, provider, byHash }], count: raw.length, wasCut: false };
}
