import type { KafkaAdmin, PartitionReader } from "@ethhook/kit";
import { createMemoryBroker } from "@ethhook/kit/testing";
import { logsDigest, type Block, type Log } from "@ethhook/schemas";
import { toRecord, type Chain, type Topology } from "@ethhook/topology";

const hashOf = (n: number): string => `0x${n.toString(16).padStart(64, "0")}`;

/** Writes a chain's ledger as an ingestor does, one record a call. */
export interface LedgerScript {
  readonly records: readonly Block[];
  /** The newest standing block. */
  readonly tip: Block | undefined;
  add(logs?: readonly Log[]): Block;
  /** Takes the tip back. */
  remove(): Block;
  finalize(number: number): void;
}

/** @param firstNumber of the ledger's first block. */
export function createLedgerScript(chainId: number, firstNumber: number): LedgerScript {
  const records: Block[] = [];
  const standing: Block[] = [];

  function put(record: Omit<Block, "sequence" | "addedSequence"> & { addedSequence?: number }): Block {
    const sequence = records.length + 1;
    const whole = { ...record, sequence, addedSequence: record.addedSequence ?? sequence };
    records.push(whole);
    return whole;
  }

  return {
    records,
    get tip() {
      return standing.at(-1);
    },
    add(logs = []) {
      const sequence = records.length + 1;
      const tip = standing.at(-1);
      const added = put({
        v: 1,
        kind: "added",
        chainId,
        number: tip === undefined ? firstNumber : tip.number + 1,
        hash: hashOf(sequence),
        parentHash: tip?.hash ?? hashOf(0),
        timestamp: sequence,
        logCount: logs.length,
        digest: logsDigest(logs),
        proof: "bloom",
        seenAtMs: sequence * 1_000,
      });
      standing.push(added);
      return added;
    },
    remove() {
      const tip = standing.pop();
      if (tip === undefined) throw new RangeError("nothing stands");
      return put({ ...tip, kind: "removed", addedSequence: tip.sequence });
    },
    finalize(number) {
      const block = standing.find((one) => one.number === number);
      if (block === undefined) throw new RangeError(`block ${number} does not stand`);
      const { addedSequence: _, ...rest } = block;
      put({ ...rest, kind: "finalized", logCount: 0, digest: logsDigest([]) });
    },
  };
}

export interface MemoryLedger {
  readonly reader: PartitionReader;
  readonly admin: Pick<KafkaAdmin, "bounds" | "offsetsAt">;
  /** Each record becomes a transaction, so that markers stand between the offsets. */
  append(records: readonly Block[]): Promise<void>;
}

/**
 * A `blocks` topic in memory.
 * @param timeOf when the broker gets a record, Unix ms.
 */
export async function createMemoryLedger(
  topology: Topology,
  chain: Chain,
  records: readonly Block[],
  timeOf: (record: Block) => number,
): Promise<MemoryLedger> {
  const topic = topology.blocks.name;
  let nowMs = 0;
  const broker = createMemoryBroker({
    topics: { [topic]: topology.blocks.partitions },
    now: () => nowMs,
    turn: async () => undefined,
    recordsPerFetch: 4,
  });
  const producer = broker.transactionalProducer("ingestor");
  await producer.start();
  const reader = broker.reader();
  const at = { topic, partition: chain.ledgerPartition };

  async function append(more: readonly Block[]): Promise<void> {
    for (const record of more) {
      nowMs = timeOf(record);
      await producer.transact([toRecord(topology.blocks, record)]);
    }
  }
  await append(records);

  return {
    reader,
    append,
    admin: {
      bounds: async () => [{ partition: at.partition, ...(await reader.bounds(at)) }],
      async offsetsAt(_, ms) {
        const { end } = await reader.bounds(at);
        for await (const some of reader.read(at)) {
          const found = some.find(({ timestampMs }) => timestampMs >= ms);
          if (found !== undefined) return [{ partition: at.partition, offset: found.offset }];
        }
        return [{ partition: at.partition, offset: end }];
      },
    },
  };
}
