import {
  type Broker,
  type InRecord,
  type OutRecord,
  partitionOf,
  type PartitionReader,
  type TopicPartition,
  type TransactionalProducer,
} from "@ethhook/kit";
import { type Block, blockCodec, type Log, logCodec, logsDigest, PipelineError } from "@ethhook/schemas";
import { type Chain, toRecord, type Topology } from "@ethhook/topology";
import type { ChainLog } from "../core/model.ts";
import type { Ledger, LedgerEntry } from "../core/ports.ts";

/** Ledger records read on start; more, as long as the newest final block is not among them. */
const tailRecords = 1_024;
/** Text of data above which a transaction is given more time than the usual ten seconds. */
const largeTransactionChars = 32 * 1_048_576;
const largeTransactionTimeoutMs = 60_000;
/** Records at the end of each partition that are searched for a removed block's logs at first. */
const bodyRecords = 2_000;
/** No block has as many logs: it would take 400 million gas. */
const blockLogsMax = 1_048_576n;

export interface KafkaLedgerDeps {
  readonly broker: Pick<Broker, "transactionalProducer" | "reader">;
  readonly topology: Pick<Topology, "blocks" | "logs" | "logsDlq">;
  readonly chain: Pick<Chain, "id" | "name" | "ledgerPartition">;
}

/** The chain's ledger in `blocks` and its logs in `logs.<chain>`: written in transactions, read back read-committed. */
export function createKafkaLedger({ broker, topology, chain }: KafkaLedgerDeps): Ledger {
  const logsTopic = topology.logs.of(chain.id);
  const at = { topic: topology.blocks.name, partition: chain.ledgerPartition };
  let producer: TransactionalProducer | undefined;
  /** Of the newest record that is ours for certain. */
  let lastSequence = 0;

  async function withReader<T>(use: (reader: PartitionReader) => Promise<T>): Promise<T> {
    const reader = broker.reader();
    try {
      return await use(reader);
    } finally {
      await reader.close();
    }
  }

  /** One by one, so that the records of a huge block are never in memory together. */
  function* recordsOf(entries: readonly LedgerEntry[]): Generator<OutRecord> {
    for (const { record, logs, refused } of entries) {
      const kind = record.kind === "removed" ? "removed" : "new";
      for (const log of logs) yield toRecord(logsTopic, toMessage(kind, record, log));
      for (const log of refused) yield deadLetterOf(topology, logsTopic.name, record, log);
      yield toRecord(topology.blocks, record);
    }
  }

  /** Known by the logs' addresses, long before the records are made. Dead letters are too rare to be expected. */
  function expectedOf(entries: readonly LedgerEntry[]): TopicPartition[] {
    const addresses = new Set(entries.flatMap(({ logs }) => logs.map(({ address }) => address)));
    const partitions = new Set([...addresses].map((address) => partitionOf(address, logsTopic.partitions)));
    return [at, ...[...partitions].map((partition) => ({ topic: logsTopic.name, partition }))];
  }

  async function initialise(transactionTimeoutMs?: number): Promise<TransactionalProducer> {
    await producer?.stop();
    const made = broker.transactionalProducer(
      `ingestor.${chain.name}`,
      transactionTimeoutMs === undefined ? {} : { transactionTimeoutMs },
    );
    await made.start();
    return made;
  }

  /**
   * Changes the timeout of a producer that is in use, or makes visible what it wrote: a commit is acknowledged before its markers
   * are written, partition by partition, but no producer starts before they all are.
   */
  async function reinitialise(transactionTimeoutMs?: number): Promise<void> {
    const made = await initialise(transactionTimeoutMs);
    const [last] = await tailOf(1);
    // This fenced whoever took over meanwhile: only the tail tells whether someone did. If so, nothing is written any more.
    if ((last?.sequence ?? 0) === lastSequence) {
      producer = made;
      return;
    }
    await made.stop();
    const found = `${chain.name}: the ledger stands at ${last?.sequence ?? 0}, not at ${lastSequence}`;
    throw new PipelineError("TRANSACTION_UNKNOWN", "retry", found);
  }

  /** A huge block takes longer than a transaction may usually stand open, for the sake of takeovers. */
  async function appendLarge(entries: readonly LedgerEntry[]): Promise<void> {
    await reinitialise(largeTransactionTimeoutMs);
    await transact(entries);
    await reinitialise();
  }

  async function transact(entries: readonly LedgerEntry[]): Promise<void> {
    if (!producer) throw new Error("the ledger is not open");
    await producer.transact(recordsOf(entries), expectedOf(entries));
    lastSequence = entries.at(-1)?.record.sequence ?? lastSequence;
  }

  function tailOf(count: number): Promise<readonly Block[]> {
    return withReader(async (reader) => (await reader.tail(at, count)).map(toBlock));
  }

  async function readTail(count: number): Promise<readonly Block[]> {
    const records = await tailOf(count);
    if ((records.at(-1)?.sequence ?? 0) === lastSequence) return records;
    await showAll();
    return tailOf(count);
  }

  /** Returns when everything that was acknowledged can be read. */
  async function showAll(): Promise<void> {
    const [last] = await tailOf(1);
    // To start a producer would fence whoever wrote that.
    if ((last?.sequence ?? 0) > lastSequence)
      throw new PipelineError(
        "PRODUCER_FENCED",
        "crash",
        `${chain.name}: another process wrote ${last?.sequence}`,
      );
    await reinitialise();
  }

  /** Those that the topic shows whole. */
  function search(added: readonly Block[]): Promise<Map<number, readonly ChainLog[]>> {
    return withReader(async (reader) => {
      const found = new Map(added.map((block) => [block.sequence, [] as ChainLog[]]));
      await Promise.all(
        Array.from({ length: logsTopic.partitions }, (_, partition) =>
          searchBack(reader, { topic: logsTopic.name, partition }, added, found),
        ),
      );
      for (const block of added) {
        const logs = found.get(block.sequence)?.toSorted((a, b) => a.logIndex - b.logIndex) ?? [];
        if (logs.length === block.logCount && logsDigest(logs) === block.digest)
          found.set(block.sequence, logs);
        else found.delete(block.sequence);
      }
      return found;
    });
  }

  return {
    async open() {
      producer = await initialise();
      for (let count = tailRecords; ; count *= 4) {
        const records = await tailOf(count);
        lastSequence = records.at(-1)?.sequence ?? 0;
        if (records.length < count || reachesFinal(records)) return checked(records);
      }
    },
    readTail: async (count) => checked(await readTail(count)),
    append: (entries) => (isLarge(entries) ? appendLarge(entries) : transact(entries)),
    async readLogs(added) {
      const found = await search(added);
      if (found.size === added.length) return found;
      // Lost is what is not there when everything that was ever acknowledged is.
      await showAll();
      return search(added);
    },
    async close() {
      await producer?.stop();
      producer = undefined;
    },
  };
}

function isLarge(entries: readonly LedgerEntry[]): boolean {
  let chars = 0;
  for (const { logs } of entries) for (const log of logs) chars += log.data.length;
  return chars > largeTransactionChars;
}

/** Collects the logs of `added` from one partition: its end first, further back while older records could be theirs. */
async function searchBack(
  reader: PartitionReader,
  at: { readonly topic: string; readonly partition: number },
  added: readonly Block[],
  found: Map<number, ChainLog[]>,
): Promise<void> {
  const oldest = Math.min(...added.map((block) => block.sequence));
  const { start, end } = await reader.bounds(at);
  let until = end;
  for (let width = bodyRecords; until > start; width *= 4) {
    const from = Math.max(start, until - width);
    let first: number | undefined;
    for await (const records of reader.read(at, from, until)) {
      for (const record of records) {
        const log = toLog(record);
        first ??= log.sequence;
        if (log.kind === "new") found.get(log.sequence)?.push(log);
      }
    }
    // Sequences only grow along a partition: older records than these are of older blocks.
    if (first !== undefined && first < oldest) return;
    until = from;
  }
}

/** Stands for a log that no record can hold: all that is needed to fetch it from a node, and why it is not there. */
function deadLetterOf(
  topology: Pick<Topology, "logsDlq">,
  topic: string,
  record: Block,
  log: ChainLog,
): OutRecord {
  const { data, ...rest } = toMessage("new", record, { ...log, topics: log.topics, data: "0x" });
  const reference = { ...rest, dataBytes: (log.data.length - data.length) / 2 };
  const headers = {
    "source-topic": topic,
    // It never stood there; what a letter is told from another by still has to be its own.
    "source-partition": "-1",
    "source-offset": String(BigInt(record.sequence) * blockLogsMax + BigInt(log.logIndex)),
    reason: `LOG_TOO_LARGE: ${reference.dataBytes} bytes of data; fetch it by blockHash and logIndex`,
    group: "ingestor",
    "dead-at-ms": String(record.seenAtMs),
  };
  return toRecord(
    topology.logsDlq,
    { sourceKey: log.address, bytes: Buffer.from(JSON.stringify(reference)) },
    headers,
  );
}

function toMessage(kind: "new" | "removed", record: Block, log: ChainLog): Log {
  return {
    v: 1,
    kind,
    chainId: record.chainId,
    blockNumber: record.number,
    blockHash: record.hash,
    blockTimestamp: record.timestamp,
    transactionHash: log.transactionHash,
    transactionIndex: log.transactionIndex,
    logIndex: log.logIndex,
    address: log.address,
    topics: log.topics as string[],
    data: log.data,
    sequence: record.sequence,
    addedSequence: record.addedSequence,
    proof: record.proof,
    seenAtMs: record.seenAtMs,
  };
}

function toBlock(record: InRecord): Block {
  const decoded = blockCodec.decode(record.value);
  if (decoded.ok) return decoded.value;
  throw unreadable(record, decoded);
}

function toLog(record: InRecord): Log {
  const decoded = logCodec.decode(record.value);
  if (decoded.ok) return decoded.value;
  throw unreadable(record, decoded);
}

function unreadable(
  { topic, partition, offset }: InRecord,
  { problem, reason }: { readonly problem: "malformed" | "newer"; readonly reason: string },
): PipelineError {
  const code = problem === "newer" ? "MESSAGE_NEWER" : "LEDGER_BROKEN";
  return new PipelineError(code, "crash", `${topic}:${partition} at ${offset}: ${reason}`);
}

/** Whether the block of the newest `finalized` record was added within these records. */
function reachesFinal(records: readonly Block[]): boolean {
  const final = records.findLast((record) => record.kind === "finalized");
  return records.some((record) => record.kind === "added" && record.hash === final?.hash);
}

/** @throws PipelineError `LEDGER_BROKEN` if a sequence is missing or stands twice. */
function checked(records: readonly Block[]): readonly Block[] {
  for (const [index, record] of records.entries()) {
    const before = records[index - 1];
    if (before && record.sequence !== before.sequence + 1)
      throw new PipelineError(
        "LEDGER_BROKEN",
        "crash",
        `The ledger of chain ${record.chainId} goes from sequence ${before.sequence} to ${record.sequence}`,
      );
  }
  return records;
}
