import type { KafkaAdmin, PartitionReader } from "@ethhook/kit";
import type { Chain, LedgerEntry, Topology } from "@ethhook/topology";

/** Usually holds every block that waits for finality. */
const tailMs = 2 * 3_600_000;
/** Entries in memory at most: half a day of the fastest chain without finality, then each older one stands for two. */
const entriesMaxUsually = 200_000;

/** The newest part of each chain's ledger, back to the newest block that is final. */
export interface LedgerTails {
  /** Oldest first. Reads only what is new since the last call. */
  read(chain: Chain, nowMs: number): Promise<readonly LedgerEntry[]>;
}

interface Tail {
  next: number;
  entries: LedgerEntry[];
}

export function createLedgerTails(
  topology: Topology,
  admin: Pick<KafkaAdmin, "offsetsAt">,
  reader: PartitionReader,
  entriesMax = entriesMaxUsually,
): LedgerTails {
  const topic = topology.blocks.name;
  const tails = new Map<number, Tail>();

  async function readOn(tail: Tail, partition: number): Promise<void> {
    for await (const records of reader.read({ topic, partition }, tail.next)) {
      for (const { value, timestampMs, offset } of records) {
        const decoded = topology.blocks.message.decode(value);
        tail.next = offset + 1;
        if (!decoded.ok) continue;
        const { kind, number, sequence, addedSequence } = decoded.value;
        tail.entries.push({ block: { kind, number, sequence, addedSequence }, timestampMs });
      }
      if (tail.entries.length > entriesMax) tail.entries = thinned(tail.entries);
    }
  }

  /**
   * A ledger that is quiet, or without finality for long, is read further back: what became final before is work that
   * waits. No further than logs can be kept: those of a segment that is still written to outlive their retention.
   */
  async function begin(chain: Chain, nowMs: number): Promise<Tail> {
    const partition = chain.ledgerPartition;
    const { start } = await reader.bounds({ topic, partition });
    const keptMs = Math.min(nowMs, 2 * (topology.logs.of(chain.id).retentionMs ?? nowMs));
    for (let reachMs = tailMs; ; reachMs *= 4) {
      const offsets = await admin.offsetsAt(topic, Math.max(0, nowMs - reachMs));
      const from = Math.max(start, offsets.find((at) => at.partition === partition)?.offset ?? start);
      const tail: Tail = { next: from, entries: [] };
      await readOn(tail, partition);
      if (from === start || reachMs >= keptMs || boundaryOf(tail.entries) !== null) return tail;
    }
  }

  return {
    async read(chain, nowMs) {
      const known = tails.get(chain.id);
      const tail = known ?? (await begin(chain, nowMs));
      if (known !== undefined) await readOn(tail, chain.ledgerPartition);
      const old = tail.entries.findLastIndex(({ timestampMs }) => timestampMs < nowMs - tailMs);
      const drop = Math.min(old, boundaryOf(tail.entries) ?? 0);
      if (drop > 0) tail.entries.splice(0, drop);
      tails.set(chain.id, tail);
      return tail.entries;
    },
  };
}

/**
 * The index from which on the entries tell what is final: they hold the newest finality and the last block that was added
 * before the first one that waits. Null when they do not reach back so far.
 */
function boundaryOf(entries: readonly LedgerEntry[]): number | null {
  const finality = entries.findLastIndex(({ block }) => block.kind === "finalized");
  const final = entries[finality]?.block.number;
  if (final === undefined) return null;
  const waiting = entries.findIndex(({ block }) => block.kind === "added" && block.number > final);
  const covered = entries
    .slice(0, waiting === -1 ? entries.length : waiting)
    .findLastIndex(({ block }) => block.kind === "added");
  return covered === -1 ? null : Math.min(finality, covered);
}

/**
 * What is final is forgotten, then every second of the older half: a boundary between those is later told some records too
 * early, never too late. So the newest finality stays with the record before it, or it would stand for a block between them
 * that waits.
 */
function thinned(entries: readonly LedgerEntry[]): LedgerEntry[] {
  const open = entries.slice(boundaryOf(entries) ?? 0);
  const newest = open.findLastIndex(({ block }) => block.kind === "finalized");
  const stays = (index: number): boolean => index === newest || index === newest - 1;
  return open.filter((_, index) => index % 2 === 0 || index > open.length / 2 || stays(index));
}
