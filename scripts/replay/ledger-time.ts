import type { PartitionReader, TopicPartition } from "@ethhook/kit";
import type { Topology } from "@ethhook/topology";

/** No reorg is taken to be deeper: an ingestor itself holds so many blocks while nothing becomes final. */
export const reorgBlocksMax = 20_000;

interface LedgerDeps {
  readonly topology: Topology;
  readonly reader: Pick<PartitionReader, "bounds" | "read">;
}

/**
 * The time of the last ledger record before the ledger first reached a block: whatever came of that block, or of a higher
 * one, came later. A block that the ledger has not reached: the time of its newest record.
 * @returns Unix ms; null when no record is older, so that everything may belong to the block.
 */
export async function timeBeforeBlock(
  number: number,
  at: TopicPartition,
  deps: LedgerDeps,
  reorgMax = reorgBlocksMax,
): Promise<number | null> {
  const { start, end } = await deps.reader.bounds(at);
  const from = await lastCertainlyBefore(number - reorgMax, at, { start, end }, deps);
  let beforeMs: number | null = null;
  for await (const records of deps.reader.read(at, from, end)) {
    for (const { value, timestampMs } of records) {
      const decoded = deps.topology.blocks.message.decode(value);
      if (!decoded.ok) continue;
      if (decoded.value.kind === "added" && decoded.value.number >= number) return beforeMs;
      beforeMs = timestampMs;
    }
  }
  return beforeMs;
}

/**
 * The offset of a record after which the chain was lower than `height`; the ledger's start where none was.
 * Heights fall in a reorg, so bisection may end at any of the places where the chain rose to that height. One more than a
 * reorg below the wanted block, each of them lies before the block's first time.
 */
async function lastCertainlyBefore(
  height: number,
  at: TopicPartition,
  { start, end }: { readonly start: number; readonly end: number },
  deps: LedgerDeps,
): Promise<number> {
  let [low, high, found] = [start, end, start];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const tip = await tipAfter(at, middle, high, deps);
    if (tip === null || tip.height >= height) high = middle;
    else {
      found = tip.offset;
      low = tip.offset + 1;
    }
  }
  return found;
}

/**
 * How high the chain is after the first record from `offset` on that tells: what becomes final lies far below its height.
 * Null when none does before `until`.
 */
async function tipAfter(
  at: TopicPartition,
  offset: number,
  until: number,
  { topology, reader }: LedgerDeps,
): Promise<{ readonly height: number; readonly offset: number } | null> {
  for await (const records of reader.read(at, offset, until, 1)) {
    for (const record of records) {
      const decoded = topology.blocks.message.decode(record.value);
      if (!decoded.ok || decoded.value.kind === "finalized") continue;
      const { kind, number } = decoded.value;
      return { height: kind === "added" ? number : number - 1, offset: record.offset };
    }
  }
  return null;
}
