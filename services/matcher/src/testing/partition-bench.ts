import { logCodec, type Delivery, type Log } from "@ethhook/schemas";
import { createEpochs, type Epoch } from "../core/epochs.ts";
import { createFilterSet, type FilterSet } from "../core/filter-set.ts";
import type { GateDecision } from "../core/finality-gate.ts";
import { createPartition, type Counts, type Gate, type Partition } from "../core/partition.ts";
import type { EpochLog, Outgoing, SourceBatch, SourceRecord, Standstill } from "../core/ports.ts";

const contract = `0x${"c0".repeat(20)}`;
const hash = (n: number): string => `0x${n.toString(16).padStart(64, "0")}`;

export function log(change: Partial<Log>): Log {
  const sequence = change.sequence ?? 1;
  return {
    v: 1,
    kind: "new",
    chainId: 1,
    blockNumber: sequence,
    blockHash: hash(sequence),
    blockTimestamp: 1_700_000_000,
    transactionHash: hash(9),
    transactionIndex: 0,
    logIndex: 0,
    address: contract,
    topics: [hash(7)],
    data: "0x",
    sequence,
    addedSequence: sequence,
    proof: "bloom",
    seenAtMs: 1,
    ...change,
  };
}

/** For tests only: a partition with everything around it in memory; sends wait until they are acknowledged. */
export interface Bench {
  readonly partition: Partition;
  readonly set: FilterSet;
  readonly sent: Outgoing[];
  readonly settled: Set<number>;
  readonly recorded: Epoch[];
  readonly standstills: Standstill[];
  readonly crashes: Error[];
  readonly counts: Counts[];
  readonly holds: string[];
  /** What `matcher.latest` has done, for a partition that follows it. */
  readonly lead: { passed: number; record(epoch: Epoch): void };
  acknowledge(): Promise<void>;
  refuse(error: Error): Promise<void>;
  accept(...values: (Log | string)[]): void;
  acceptUnreadable(reason: string): void;
  subscribe(
    endpoint: string,
    version: number,
    finality?: "latest" | "finalized",
    sendRemoved?: boolean,
  ): void;
  lose(): void;
}

export const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

interface BenchOptions {
  readonly known?: readonly Epoch[];
  readonly owned?: boolean;
  readonly assignedAtMs?: number;
  /** Makes the partition one of `finalized`, whose ledger says this of each added sequence. */
  readonly ledger?: ReadonlyMap<number, GateDecision>;
}

function epochLogOf(recorded: Epoch[], owned: boolean): EpochLog {
  return {
    record: async (_, epoch) => {
      recorded.push(epoch);
      return owned;
    },
  };
}

function gateOf(
  ledger: ReadonlyMap<number, GateDecision>,
  lead: { readonly passed: number },
  holds: string[],
): Gate {
  return {
    isLed: (at) => at < lead.passed,
    decide: (of) => ledger.get(of.addedSequence) ?? "pass",
    reachBack: async (sequence) => void holds.push(`reach back to ${sequence}`),
    pause: () => holds.push("pause"),
    resumeWhenLed: (at, nobodyWaits) => holds.push(`follow to ${at}${nobodyWaits() ? " unread" : ""}`),
    resumeWhenDecided: (at) => holds.push(`seek ${at}`),
  };
}

export function createBench(options: BenchOptions = {}): Bench {
  const set = createFilterSet(0, []);
  const sent: Outgoing[] = [];
  const settled = new Set<number>();
  const recorded: Epoch[] = [];
  const standstills: Standstill[] = [];
  const crashes: Error[] = [];
  const counts: Counts[] = [];
  const holds: string[] = [];
  const epochs = createEpochs(options.known ?? []);
  const lead = { passed: Number.POSITIVE_INFINITY, record: (epoch: Epoch) => epochs.recorded(epoch) };
  const { ledger } = options;
  const finality = ledger === undefined ? "latest" : "finalized";
  const waiting: PromiseWithResolvers<void>[] = [];
  let offset = 0;
  let current = true;
  const partition = createPartition(
    { chainId: 1, chain: "ethereum", partition: 0 },
    {
      finality,
      ...(ledger === undefined
        ? { epochLog: epochLogOf(recorded, options.owned ?? true) }
        : { gate: gateOf(ledger, lead, holds) }),
      filters: { ...set, load: () => Promise.reject(new Error("not in memory")) },
      epochs,
      outbox: {
        send: (records) => {
          sent.push(...records);
          const acknowledged = Promise.withResolvers<void>();
          waiting.push(acknowledged);
          return acknowledged.promise;
        },
        hasRoom: () => true,
        room: () => Promise.resolve(),
      },
      now: () => 50_000,
      later: setImmediate,
      toRecord: (delivery) => ({
        topic: "deliveries",
        key: delivery.endpointId,
        value: JSON.stringify(delivery),
      }),
      toDeadLetter: (record, reason) => ({
        topic: "logs.dlq",
        key: record.key ?? "",
        value: Buffer.from(record.value ?? []),
        headers: { reason },
      }),
      onStandstill: (standstill) => standstills.push(standstill),
      onCrash: (error) => crashes.push(error),
      onCounts: (some) => counts.push(some),
      assignedAtMs: options.assignedAtMs ?? 0,
    },
  );
  return {
    partition,
    set,
    sent,
    settled,
    recorded,
    standstills,
    crashes,
    counts,
    holds,
    lead,
    acknowledge: async () => {
      await turns();
      for (const one of waiting.splice(0)) one.resolve();
      await turns();
    },
    refuse: async (error) => {
      await turns();
      for (const one of waiting.splice(0)) one.reject(error);
      await turns();
    },
    acceptUnreadable(reason) {
      const record = {
        offset: offset++,
        key: null,
        value: Buffer.from([0, 255]),
        timestampMs: 0,
        unreadable: reason,
      };
      partition.accept({ records: [record], isCurrent: () => current, settle: (at) => settled.add(at) });
    },
    accept(...values) {
      const records = values.map((value): SourceRecord => {
        const text = typeof value === "string" ? value : logCodec.encode(value);
        return { offset: offset++, key: contract, value: Buffer.from(text), timestampMs: 10_000 };
      });
      const batch: SourceBatch = { records, isCurrent: () => current, settle: (at) => settled.add(at) };
      partition.accept(batch);
    },
    subscribe(endpointId, version, finality = "latest", sendRemoved = true) {
      set.apply({
        version,
        endpointId,
        applicationId: "app",
        userId: "usr",
        subscription: { filter: {}, finality, format: "standard", sendRemoved },
        createdAtMs: version,
      });
    },
    lose: () => (current = false),
  };
}

export function deliveries(bench: Bench): Delivery[] {
  return bench.sent
    .filter((record) => record.topic === "deliveries")
    .map((record) => JSON.parse(String(record.value)) as Delivery);
}
