import type { KafkaAdmin, PartitionReader } from "@ethhook/kit";
import type { Chain, LedgerEntry, Topology } from "@ethhook/topology";

/** Holds every block which may still wait for finality: no chain takes longer than an hour. */
const tailMs = 2 * 3_600_000;

/** The newest part of each chain's ledger. */
export interface LedgerTails {
  /** Oldest first. Reads only what is new since the last call. */
  read(chain: Chain, nowMs: number): Promise<readonly LedgerEntry[]>;
}

export function createLedgerTails(
  topology: Topology,
  admin: Pick<KafkaAdmin, "offsetsAt">,
  reader: PartitionReader,
): LedgerTails {
  const topic = topology.blocks.name;
  const tails = new Map<number, { next: number; entries: LedgerEntry[] }>();

  async function begin(partition: number, nowMs: number): Promise<{ next: number; entries: LedgerEntry[] }> {
    const offsets = await admin.offsetsAt(topic, nowMs - tailMs);
    return { next: offsets.find((at) => at.partition === partition)?.offset ?? 0, entries: [] };
  }

  return {
    async read(chain, nowMs) {
      const partition = chain.ledgerPartition;
      const tail = tails.get(chain.id) ?? (await begin(partition, nowMs));
      for await (const records of reader.read({ topic, partition }, tail.next)) {
        for (const record of records) {
          const decoded = topology.blocks.message.decode(record.value);
          if (decoded.ok) tail.entries.push({ block: decoded.value, timestampMs: record.timestampMs });
          tail.next = record.offset + 1;
        }
      }
      const old = tail.entries.findIndex(({ timestampMs }) => timestampMs >= nowMs - tailMs);
      // One older entry stays, so that there is always a newest eligible one.
      if (old > 1) tail.entries.splice(0, old - 1);
      tails.set(chain.id, tail);
      return tail.entries;
    },
  };
}
