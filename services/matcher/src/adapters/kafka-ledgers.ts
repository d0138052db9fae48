import type { Broker, InRecord, Logger, PartitionReader, TopicPartition } from "@ethhook/kit";
import { blockCodec } from "@ethhook/schemas";
import type { Chain, Topology } from "@ethhook/topology";
import { createLedger, type Ledger } from "../core/ledger.ts";

export interface KafkaLedgersOptions {
  readonly broker: Broker;
  readonly topology: Topology;
  readonly logger: Logger;
  /** The chain's ledger has new records. */
  readonly onAdvance: (chainId: number) => void;
  readonly onCrash: (error: Error) => void;
}

/** The ledgers of all chains, read from `blocks` as they grow. */
export interface KafkaLedgers {
  /** Begins to read. Until a chain's ledger was read, its logs wait. */
  start(): void;
  stop(): Promise<void>;
  of(chainId: number): Ledger;
  /** Reads what is new of one chain; at first, the end. For those who do not follow. */
  refresh(chainId: number): Promise<void>;
  /** Reads what became of an older block, and of those after it, so that `sequence` is known if the topic has it. */
  reachBack(chainId: number, sequence: number): Promise<void>;
}

/** A block becomes final minutes after it came; half a second more is nothing. */
const pollMs = 500;
/** Records that are read at first: enough for what usually waits. */
const tailRecords = 5_000;
/** Records of the past that are read at a time at least. */
const pastRecordsMin = 20_000;
/** To see one record of the past. */
const probeBytes = 65_536;

interface Followed {
  readonly chain: Chain;
  ledger: Ledger;
  /** Offset of the next record. */
  position: number;
  begun: boolean;
  timer: NodeJS.Timeout | undefined;
  working: Promise<void>;
}

export function createKafkaLedgers({
  broker,
  topology,
  logger,
  onAdvance,
  onCrash,
}: KafkaLedgersOptions): KafkaLedgers {
  const topic = topology.blocks.name;
  const followed = new Map(
    topology.chains.map((chain): [number, Followed] => [
      chain.id,
      {
        chain,
        ledger: createLedger(chain.confirmedDepth),
        position: 0,
        begun: false,
        timer: undefined,
        working: Promise.resolve(),
      },
    ]),
  );
  const reader: PartitionReader = broker.reader();
  let stopped = false;

  /** @returns the offset behind them. */
  function take(one: Followed, ledger: Ledger, records: readonly InRecord[]): number {
    for (const record of records) {
      const decoded = blockCodec.decode(record.value);
      if (decoded.ok) ledger.apply(decoded.value);
      else if (decoded.problem === "newer") onCrash(new Error(`${topic}: ${decoded.reason}`));
      else
        logger.error(
          { event: "ledger.unreadable", chain: one.chain.name, offset: record.offset },
          decoded.reason,
        );
    }
    return (records.at(-1)?.offset ?? -1) + 1;
  }

  async function readFrom(one: Followed, from: number): Promise<void> {
    for await (const records of reader.read(partitionOf(one), from))
      one.position = take(one, one.ledger, records);
  }

  const partitionOf = ({ chain }: Followed): TopicPartition => ({ topic, partition: chain.ledgerPartition });

  /** One read of a chain at a time. */
  function inTurn(one: Followed, work: () => Promise<void>): Promise<void> {
    const done = one.working.then(work);
    one.working = done.catch(() => undefined);
    return done;
  }

  async function poll(one: Followed): Promise<void> {
    const before = one.ledger.last();
    try {
      await refresh(one);
    } catch (error) {
      if (!stopped)
        logger.warn(
          { event: "ledger.read-failed", chain: one.chain.name, err: error },
          "The ledger could not be read: tried again",
        );
    }
    if (one.ledger.last() > before) onAdvance(one.chain.id);
    if (!stopped) one.timer = setTimeout(() => void poll(one), pollMs);
  }

  function refresh(one: Followed): Promise<void> {
    return inTurn(one, () => (one.begun ? readFrom(one, one.position) : beginAtTail(one)));
  }

  async function beginAtTail(one: Followed): Promise<void> {
    const { start, end } = await reader.bounds(partitionOf(one));
    // Offsets also count transaction markers: about every second one.
    one.position = Math.max(start, end - tailRecords * 2);
    await readFrom(one, one.position);
    one.begun = true;
  }

  /** Reads from a block on until it is decided, and further, because what is asked for next is what comes next. */
  async function lookBack(one: Followed, sequence: number): Promise<void> {
    const past = createLedger(one.chain.confirmedDepth);
    let position = 0;
    let count = 0;
    for await (const records of reader.read(partitionOf(one), await offsetBefore(one, sequence))) {
      position = take(one, past, records);
      count += records.length;
      if (count < pastRecordsMin || !isDecided(past, sequence)) continue;
      return one.ledger.learn(past);
    }
    // It came to the end, with blocks that still wait: it knows more than the one that began later.
    if (past.last() < one.ledger.last()) return;
    past.learn(one.ledger);
    Object.assign(one, { ledger: past, position });
  }

  /** An offset from which on a sequence is read, and few records before it. */
  async function offsetBefore(one: Followed, sequence: number): Promise<number> {
    let { start: low, end: high } = await reader.bounds(partitionOf(one));
    while (high - low > pastRecordsMin / 10) {
      const middle = Math.floor((low + high) / 2);
      const first = await sequenceFrom(one, middle, high);
      if (first !== undefined && first <= sequence) low = middle;
      else high = middle;
    }
    return low;
  }

  /** Of the first record that can be read between two offsets. */
  async function sequenceFrom(one: Followed, from: number, until: number): Promise<number | undefined> {
    for await (const records of reader.read(partitionOf(one), from, until, probeBytes)) {
      for (const { value } of records) {
        const decoded = blockCodec.decode(value);
        if (decoded.ok) return decoded.value.sequence;
      }
    }
    return undefined;
  }

  function followedOf(chainId: number): Followed {
    const one = followed.get(chainId);
    if (one === undefined) throw new RangeError(`chain ${chainId} is not in the topology`);
    return one;
  }

  return {
    start() {
      for (const one of followed.values()) void poll(one);
    },
    async stop() {
      stopped = true;
      for (const one of followed.values()) clearTimeout(one.timer);
      await Promise.all([...followed.values()].map((one) => one.working));
      await reader.close();
    },
    of: (chainId) => followedOf(chainId).ledger,
    refresh: (chainId) => refresh(followedOf(chainId)),
    async reachBack(chainId, sequence) {
      const one = followedOf(chainId);
      await inTurn(one, async () => {
        if (one.ledger.statusOf(sequence, "finalized") === "older") await lookBack(one, sequence);
      });
    },
  };
}

function isDecided(ledger: Ledger, sequence: number): boolean {
  return waits.every((wait) => ["final", "removed"].includes(ledger.statusOf(sequence, wait)));
}

const waits = ["confirmed", "finalized"] as const;
