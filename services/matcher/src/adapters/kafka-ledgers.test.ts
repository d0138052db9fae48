import { createLogger, type OutRecord } from "@ethhook/kit";
import { createMemoryBroker } from "@ethhook/kit/testing";
import { type Block, logsDigest } from "@ethhook/schemas";
import { builtInChains, createTopology, toRecord } from "@ethhook/topology";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createKafkaLedgers, type KafkaLedgers } from "./kafka-ledgers.ts";

const topology = createTopology(builtInChains);
const chain = builtInChains[0]!;
const hash = (n: number): string => `0x${n.toString(16).padStart(64, "0")}`;
const digest = logsDigest([]);

/** One block in `finalizedEvery` makes those that came `lag` before it final. */
const [finalizedEvery, lag] = [100, 15_000];

function* ledgerOf(blocks: number): Generator<Block> {
  let sequence = 0;
  const record = (kind: Block["kind"], number: number, addedSequence?: number): Block => {
    sequence += 1;
    return {
      v: 1,
      kind,
      chainId: chain.id,
      sequence,
      addedSequence: addedSequence ?? sequence,
      number,
      hash: hash(number),
      parentHash: hash(number - 1),
      timestamp: number,
      logCount: 0,
      digest,
      proof: "bloom",
      seenAtMs: sequence,
    };
  };
  for (let number = 1; number <= blocks; number++) {
    const orphan = number === orphanNumber ? record("added", number) : undefined;
    if (orphan) yield* [orphan, record("removed", number, orphan.sequence)];
    yield record("added", number);
    if (number % finalizedEvery === 0 && number > lag) yield record("finalized", number - lag);
  }
}

/** Its first block is the sequence of the same number. */
const orphanNumber = 50;

describe("a ledger of which only the end was read", () => {
  const blocks = 45_000;
  const last = { sequence: 0 };
  const broker = createMemoryBroker({
    topics: Object.fromEntries(topology.topics.map(({ name, partitions }) => [name, partitions])),
    recordsPerFetch: 100,
  });
  const recordsRead = { count: 0 };
  let ledgers: KafkaLedgers;

  beforeAll(async () => {
    const producer = broker.producer();
    const records: OutRecord[] = [];
    for (const block of ledgerOf(blocks)) {
      records.push(toRecord(topology.blocks, block));
      last.sequence = block.sequence;
    }
    await producer.send(records);
    ledgers = createKafkaLedgers({
      broker: { ...broker, reader: countingReader },
      topology,
      logger: createLogger({ name: "test", level: "silent" }),
      onAdvance: () => undefined,
      onCrash: (error) => expect.fail(error.message),
    });
    await ledgers.refresh(chain.id);
  });
  afterAll(() => ledgers.stop());

  function countingReader() {
    const reader = broker.reader();
    const read: typeof reader.read = async function* (...args) {
      for await (const records of reader.read(...args)) {
        recordsRead.count += records.length;
        yield records;
      }
    };
    return { ...reader, read };
  }

  const statusOf = (sequence: number) => ledgers.of(chain.id).statusOf(sequence, "finalized");

  async function readBack(sequence: number): Promise<string> {
    await ledgers.reachBack(chain.id, sequence);
    return statusOf(sequence);
  }

  test("its oldest block is found out, and the newest are still known", async () => {
    expect(statusOf(1)).toBe("older");
    expect(await readBack(1)).toBe("final");
    expect(statusOf(orphanNumber)).toBe("removed");
    expect(statusOf(orphanNumber + 2)).toBe("final");
    expect(ledgers.of(chain.id).last()).toBe(last.sequence);
    expect(statusOf(last.sequence - 2)).toBe("waiting");
  });

  test("one in the middle costs what stands behind it, and does not unlearn the oldest", async () => {
    recordsRead.count = 0;
    expect(await readBack(25_000)).not.toBe("older");
    expect(recordsRead.count).toBeLessThan(blocks * 0.6);
    expect(statusOf(1)).toBe("final");
  });

  test("one that still waits when the end is reached is decided by what comes later", async () => {
    const waiting = last.sequence - 12_000;
    expect(statusOf(waiting)).toBe("older");
    expect(await readBack(waiting)).toBe("waiting");
    const number = blocks;
    const records = [...ledgerOf(blocks + 1)].slice(-1);
    await broker.producer().send(
      records.flatMap((block) => [
        toRecord(topology.blocks, block),
        toRecord(topology.blocks, {
          ...block,
          kind: "finalized" as const,
          sequence: block.sequence + 1,
          addedSequence: block.sequence + 1,
          number,
        }),
      ]),
    );
    await ledgers.refresh(chain.id);
    expect(statusOf(waiting)).toBe("final");
    expect(statusOf(last.sequence + 1)).toBe("waiting");
  });
});
