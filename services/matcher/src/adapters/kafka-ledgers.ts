import type { Broker, InRecord, Logger, PartitionReader } from "@ethhook/kit";
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
  /** Brings older blocks into memory, so that `sequence` is known if the topic has it. */
  reachBack(chainId: number, sequence: number): Promise<void>;
}

/** A block becomes final minutes after it came; half a second more is nothing. */
const pollMs = 500;
/** Records that are read at first: enough for what usually waits. */
const tailRecords = 5_000;

interface Followed {
  readonly chain: Chain;
  ledger: Ledger;
  /** Offset of the next record; where the ledger in memory begins. */
  position: number;
  start: number;
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
        start: 0,
        begun: false,
        timer: undefined,
        working: Promise.resolve(),
      },
    ]),
  );
  const reader: PartitionReader = broker.reader();
  let stopped = false;

  function take(one: Followed, records: readonly InRecord[]): void {
    for (const record of records) {
      one.position = record.offset + 1;
      const decoded = blockCodec.decode(record.value);
      if (decoded.ok) one.ledger.apply(decoded.value);
      else if (decoded.problem === "newer") onCrash(new Error(`${topic}: ${decoded.reason}`));
      else
        logger.error(
          { event: "ledger.unreadable", chain: one.chain.name, offset: record.offset },
          decoded.reason,
        );
    }
  }

  async function readFrom(one: Followed, from: number): Promise<void> {
    const partition = { topic, partition: one.chain.ledgerPartition };
    for await (const records of reader.read(partition, from)) take(one, records);
  }

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
    const { start, end } = await reader.bounds({ topic, partition: one.chain.ledgerPartition });
    // Offsets also count transaction markers: about every second one.
    await begin(one, Math.max(start, end - tailRecords * 2));
    one.begun = true;
  }

  async function begin(one: Followed, start: number): Promise<void> {
    one.ledger = createLedger(one.chain.confirmedDepth);
    one.start = start;
    one.position = start;
    await readFrom(one, start);
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
        const { start } = await reader.bounds({ topic, partition: one.chain.ledgerPartition });
        for (
          let window = tailRecords * 4;
          one.ledger.statusOf(sequence, "finalized") === "older" && one.start > start;
          window *= 4
        ) {
          await begin(one, Math.max(start, one.start - window));
        }
      });
    },
  };
}
