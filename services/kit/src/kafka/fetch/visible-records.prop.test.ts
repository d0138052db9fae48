import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import type { InRecord } from "../types.ts";
import type { RecordBatch } from "./record-batch.ts";
import { type AbortedTransaction, visibleRecords } from "./visible-records.ts";

function recordAt(offset: number): InRecord {
  return { topic: "t", partition: 0, offset, key: null, value: null, headers: {}, timestampMs: 0 };
}

/** Transactions of several producers that interleave in one partition, and plain batches between them. */
const actions = fc.array(
  fc.record({
    producer: fc.integer({ min: 1, max: 3 }),
    kind: fc.constantFrom("write", "write", "write", "commit", "abort", "plain"),
    size: fc.integer({ min: 1, max: 3 }),
  }),
  { maxLength: 40 },
);

interface Log {
  readonly batches: RecordBatch[];
  readonly aborted: AbortedTransaction[];
  /** Offsets that a read-committed reader sees. */
  readonly visible: number[];
  readonly end: number;
}

function play(steps: readonly { producer: number; kind: string; size: number }[]): Log {
  const batches: RecordBatch[] = [];
  const aborted: AbortedTransaction[] = [];
  const visible = new Set<number>();
  const open = new Map<number, number[]>();
  let offset = 0;
  const write = (producerId: number, transactional: boolean, size: number): number[] => {
    const offsets = Array.from({ length: size }, (_, index) => offset + index);
    offset += size;
    batches.push({
      lastOffset: offset - 1,
      producerId,
      transactional,
      control: undefined,
      records: offsets.map(recordAt),
    });
    return offsets;
  };
  const end = (producerId: number, control: "commit" | "abort"): void => {
    const written = open.get(producerId);
    if (!written) return;
    open.delete(producerId);
    if (control === "abort") aborted.push({ producerId, firstOffset: written[0]! });
    else for (const one of written) visible.add(one);
    batches.push({ lastOffset: offset, producerId, transactional: true, control, records: [] });
    offset += 1;
  };
  for (const { producer, kind, size } of steps) {
    if (kind === "write") open.set(producer, [...(open.get(producer) ?? []), ...write(producer, true, size)]);
    else if (kind === "plain") for (const one of write(-1, false, size)) visible.add(one);
    else end(producer, kind as "commit" | "abort");
  }
  // The broker sends nothing after the first open transaction; here all are decided.
  const undecided = [...open.keys()];
  for (const producer of undecided) end(producer, "commit");
  return { batches, aborted, visible: [...visible].toSorted((a, b) => a - b), end: offset };
}

test.prop([actions, fc.nat(60), fc.nat(40)], { numRuns: 500 })(
  "a fetch from anywhere sees the committed records from there, whatever transactions interleave",
  (steps, fromRaw, cutRaw) => {
    const log = play(steps);
    const from = log.end === 0 ? 0 : fromRaw % log.end;
    // As a broker answers: whole batches from the one that holds `from`, as many as fit, and the aborted transactions
    // that touch them.
    const first = log.batches.findIndex((batch) => batch.lastOffset >= from);
    const sent = first < 0 ? [] : log.batches.slice(first, first + 1 + (cutRaw % 10));
    const last = sent.at(-1)?.lastOffset ?? -1;
    const start = sent[0]?.records[0]?.offset ?? sent[0]?.lastOffset ?? 0;
    const markers = log.batches.filter((batch) => batch.control === "abort");
    const relevant = log.aborted.filter(
      (transaction, index) => transaction.firstOffset <= last && markers[index]!.lastOffset >= start,
    );
    const { records, next } = visibleRecords(sent, relevant, from);
    expect(records.map((record) => record.offset)).toEqual(
      log.visible.filter((offset) => offset >= from && offset <= last),
    );
    expect(next).toBe(sent.length === 0 ? undefined : last + 1);
  },
);

test("a batch of two hundred thousand records does not overflow the stack", () => {
  const large = (first: number): RecordBatch => ({
    lastOffset: first + 199_999,
    producerId: -1,
    transactional: false,
    control: undefined,
    records: Array.from({ length: 200_000 }, (_, index) => recordAt(first + index)),
  });
  expect(visibleRecords([large(0), large(200_000)], [], 0).records).toHaveLength(400_000);
});
