import { createMemoryBroker } from "@ethhook/kit/testing";
import { type Block, logsDigest } from "@ethhook/schemas";
import { builtInChains, createTopology } from "@ethhook/topology";
import { expect, test } from "vitest";
import type { ChainLog } from "../core/model.ts";
import type { LedgerEntry } from "../core/ports.ts";
import { hashOf } from "../testing/chain.ts";
import { createKafkaLedger } from "./kafka-ledger.ts";

const topology = createTopology(builtInChains);
const chain = builtInChains[0]!;

const turnsToMarker = 200;

function setUp() {
  let areLate = false;
  const broker = createMemoryBroker({
    topics: Object.fromEntries(topology.topics.map(({ name, partitions }) => [name, partitions])),
    faults: { onMarker: () => (areLate ? turns(turnsToMarker) : undefined) },
  });
  return {
    broker,
    ledgerOf: () => createKafkaLedger({ broker: broker.client(), topology, chain }),
    /** From now on, in every partition. */
    delayMarkers: () => (areLate = true),
  };
}

async function turns(count: number): Promise<void> {
  for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve));
}

function entryOf(sequence: number, logCount: number, refused: readonly ChainLog[] = []): LedgerEntry {
  const logs = Array.from({ length: logCount }, (_, logIndex) => logOf(sequence, logIndex));
  const record: Block = {
    v: 1,
    kind: "added",
    chainId: chain.id,
    sequence,
    addedSequence: sequence,
    number: sequence,
    hash: hashOf(`a${sequence}`),
    parentHash: hashOf(`a${sequence - 1}`),
    timestamp: 1_700_000_000,
    logCount,
    digest: logsDigest(logs),
    proof: "bloom",
    seenAtMs: 1,
  };
  return { record, logs, refused };
}

/** Each of another contract, so that a block's logs are in many partitions. */
function logOf(sequence: number, logIndex: number): ChainLog {
  return {
    transactionHash: hashOf(`t${sequence} ${logIndex}`),
    transactionIndex: logIndex,
    logIndex,
    address: `0x${hashOf(`contract ${logIndex}`).slice(2, 42)}`,
    topics: [hashOf("topic")],
    data: hashOf(`data ${sequence} ${logIndex}`),
  };
}

test("logs that were acknowledged but are not visible yet are waited for, not taken for lost", async () => {
  const { ledgerOf, delayMarkers } = setUp();
  const ledger = ledgerOf();
  await ledger.open();
  await ledger.append([entryOf(1, 5)]);
  delayMarkers();
  const entries = [entryOf(2, 7), entryOf(3, 9)];
  await ledger.append(entries);
  const found = await ledger.readLogs(entries.map(({ record }) => record));
  expect([...found.values()].map((logs) => logs.length)).toEqual([7, 9]);
  await ledger.append([entryOf(4, 1)]);
  expect(await ledger.readTail(10)).toHaveLength(4);
});

test("the tail holds the last record that was acknowledged, however late it becomes visible", async () => {
  const { ledgerOf, delayMarkers } = setUp();
  const ledger = ledgerOf();
  await ledger.open();
  delayMarkers();
  await ledger.append([entryOf(1, 2), entryOf(2, 2)]);
  expect((await ledger.readTail(10)).map(({ sequence }) => sequence)).toEqual([1, 2]);
});

test("logs that the topic does not have are lost, and only those", async () => {
  const { ledgerOf } = setUp();
  const ledger = ledgerOf();
  await ledger.open();
  const [whole, short, other] = [entryOf(1, 3), entryOf(2, 3), entryOf(3, 3)];
  const { record } = short;
  await ledger.append([
    whole,
    { ...short, logs: short.logs.slice(1) },
    { ...other, logs: entryOf(9, 3).logs },
  ]);
  const found = await ledger.readLogs([whole.record, record, other.record]);
  expect([...found.keys()]).toEqual([1]);
});

test("whoever was replaced finds out by reading, and does not fence its successor by it", async () => {
  const { ledgerOf } = setUp();
  const [first, second] = [ledgerOf(), ledgerOf()];
  await first.open();
  await first.append([entryOf(1, 2)]);
  await second.open();
  await second.append([entryOf(2, 2)]);
  await expect(first.readTail(10)).rejects.toMatchObject({ code: "PRODUCER_FENCED" });
  await second.append([entryOf(3, 2)]);
});

test("whoever finds another's records after a new start writes nothing more", async () => {
  const { ledgerOf } = setUp();
  const [first, second] = [ledgerOf(), ledgerOf()];
  await first.open();
  await second.open();
  await second.append([entryOf(1, 2)]);
  const { record, logs } = entryOf(1, 1);
  // So large that it is written by a producer of its own.
  const large = {
    record,
    logs: logs.map((log) => ({ ...log, data: "0".repeat(33 * 1_048_576) })),
    refused: [],
  };
  await expect(first.append([large])).rejects.toMatchObject({ code: "TRANSACTION_UNKNOWN" });
  await expect(first.append([entryOf(1, 2)])).rejects.toMatchObject({ code: "TRANSACTION_UNKNOWN" });
  expect(await second.open()).toHaveLength(1);
});

test("the dead letters of refused logs are each told from the others by their source", async () => {
  const { broker, ledgerOf } = setUp();
  const ledger = ledgerOf();
  await ledger.open();
  await ledger.append([entryOf(1, 0, [logOf(1, 0), logOf(1, 1)]), entryOf(2, 0, [logOf(2, 0), logOf(2, 1)])]);
  const sources = broker
    .records(topology.logsDlq.name)
    .map(({ headers }) => `${headers["source-partition"]} ${headers["source-offset"]}`);
  expect(new Set(sources).size).toBe(4);
  for (const source of sources) expect(source).toMatch(/^-1 \d+$/);
});
