import type { Broker, InRecord } from "@ethhook/kit";
import { type Block, blockCodec, type Codec, type Log, logCodec } from "@ethhook/schemas";
import type { Chain, Topology } from "@ethhook/topology";

async function readAll<T>(
  broker: Pick<Broker, "reader">,
  topic: string,
  partitions: readonly number[],
  codec: Codec<T>,
): Promise<T[]> {
  const reader = broker.reader();
  const messages: T[] = [];
  try {
    for (const partition of partitions) {
      for await (const records of reader.read({ topic, partition })) {
        for (const record of records) {
          const decoded = codec.decode(record.value);
          if (!decoded.ok) throw new Error(`${topic}:${partition}@${record.offset}: ${decoded.reason}`);
          messages.push(decoded.value);
        }
      }
    }
    return messages;
  } finally {
    await reader.close();
  }
}

/** Every committed ledger record of a chain, in order. */
export function readLedger(
  broker: Pick<Broker, "reader">,
  topology: Topology,
  chain: Chain,
): Promise<Block[]> {
  return readAll(broker, topology.blocks.name, [chain.ledgerPartition], blockCodec);
}

/** How long the end of a transaction may take in all of its partitions. */
const endingMs = 5_000;

/**
 * Every committed record of `logs.<chain>`: partition by partition, in order within each; all that the ledger counts. A transaction ends
 * in one partition after the other, so the ledger may be ahead of its logs for a moment.
 */
export async function readLogs(
  broker: Pick<Broker, "reader">,
  topology: Topology,
  chain: Chain,
): Promise<Log[]> {
  const topic = topology.logs.of(chain.id);
  const partitions = Array.from({ length: topic.partitions }, (_, partition) => partition);
  const ledger = await readLedger(broker, topology, chain);
  const counted = ledger.reduce((sum, { logCount }) => sum + logCount, 0);
  const endMs = Date.now() + endingMs;
  for (;;) {
    const logs = await readAll(broker, topic.name, partitions, logCodec);
    if (logs.length >= counted || Date.now() > endMs) return logs;
  }
}

/** Every record of `logs.dlq`. */
export async function readDeadLogs(
  broker: Pick<Broker, "reader">,
  topology: Topology,
): Promise<readonly InRecord[]> {
  const { name: topic, partitions } = topology.logsDlq;
  const reader = broker.reader();
  const all: InRecord[] = [];
  try {
    for (let partition = 0; partition < partitions; partition++) {
      for await (const records of reader.read({ topic, partition })) all.push(...records);
    }
    return all;
  } finally {
    await reader.close();
  }
}
