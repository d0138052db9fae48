import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { createOffsetTracker, type Run } from "./offset-tracker.ts";

/**
 * A model of one partition: the log is a list of offsets, some of which are records, some markers. The law: whatever is
 * committed, every record below it was settled in the tenure that committed it, or before in the log's committed prefix.
 */
const at = { topic: "t", partition: 0 };

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("fetch" as const),
      records: fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("settle" as const), run: fc.nat(), record: fc.nat() }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("settleAll" as const), run: fc.nat() }) },
  { weight: 3, arbitrary: fc.constant({ kind: "commit" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "lateCommit" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "rejoin" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "revoke" as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("seek" as const), back: fc.nat({ max: 10 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("staleFetch" as const), ahead: fc.integer({ min: 1, max: 5 }) }),
  },
);

interface Handed {
  readonly run: Run;
  readonly offsets: readonly number[];
  /** Number of the tenure that was handed these. */
  readonly tenure: number;
}

test.prop([fc.array(step, { maxLength: 80 })], { numRuns: 500 })(
  "any interleaving of settle, revoke, seek and rejoin commits no gap, and loses no progress",
  (steps) => {
    const tracker = createOffsetTracker();
    const log: boolean[] = [];
    const handed: Handed[] = [];
    let assigned = false;
    let tenure = 0;
    /** Records that this tenure must have settled before anything above may be committed: all from its start. */
    let tenureStart = 0;
    let settledInTenure = new Set<number>();
    let broker = 0;
    let outstanding: ReturnType<typeof tracker.committable> = [];

    const assign = (): void => {
      tracker.assign([{ ...at, offset: broker }]);
      assigned = true;
      tenure += 1;
      tenureStart = broker;
      settledInTenure = new Set();
    };
    assign();

    for (const action of steps) {
      if (action.kind === "fetch") {
        const from = tracker.position(at);
        if (from === undefined) continue;
        while (log.length < from) log.push(false);
        if (log.length < from + action.records.length) log.push(...action.records.slice(log.length - from));
        const next = Math.min(log.length, from + action.records.length);
        const offsets = range(from, next).filter((offset) => log[offset]);
        const run = tracker.append(at, from, offsets, next)!;
        expect(run).toBeDefined();
        handed.push({ run, offsets, tenure });
      } else if (action.kind === "staleFetch") {
        const from = tracker.position(at);
        if (from !== undefined)
          expect(
            tracker.append(at, from + action.ahead, [from + action.ahead], from + action.ahead + 1),
          ).toBeUndefined();
      } else if (action.kind === "settle" && handed.length > 0) {
        const chosen = handed[action.run % handed.length]!;
        const offset = chosen.offsets[action.record % Math.max(1, chosen.offsets.length)];
        if (offset === undefined) continue;
        expect(chosen.run.isLive()).toBe(assigned && chosen.tenure === tenure);
        chosen.run.settle(offset);
        if (chosen.tenure === tenure && assigned) settledInTenure.add(offset);
      } else if (action.kind === "settleAll" && handed.length > 0) {
        const chosen = handed[action.run % handed.length]!;
        chosen.run.settleAll();
        if (chosen.tenure === tenure && assigned)
          for (const offset of chosen.offsets) settledInTenure.add(offset);
      } else if (action.kind === "commit") {
        outstanding = tracker.committable();
        for (const { offset } of outstanding) {
          for (const below of range(tenureStart, offset))
            if (log[below]) expect(settledInTenure).toContain(below);
          broker = offset;
        }
        tracker.committed(outstanding);
        expect(tracker.committable()).toEqual([]);
      } else if (action.kind === "lateCommit") {
        // An answer that arrives after the partition was reassigned changes nothing.
        const before = tracker.committable();
        if (outstanding.some((commit) => before.every((now) => now.tenure !== commit.tenure))) {
          tracker.committed(outstanding);
          expect(tracker.committable()).toEqual(before);
        }
      } else if (action.kind === "rejoin") assign();
      else if (action.kind === "revoke") {
        tracker.revokeAll();
        assigned = false;
        expect([tracker.unsettled(), tracker.assigned(), tracker.committable()]).toEqual([0, [], []]);
      } else if (action.kind === "seek" && assigned) {
        const offset = Math.max(0, (tracker.position(at) ?? 0) - action.back);
        tracker.seek(at, offset);
        tenure += 1;
        tenureStart = offset;
        settledInTenure = new Set();
      }
      const open = handed.filter((one) => one.tenure === tenure && assigned).flatMap((one) => one.offsets);
      expect(tracker.unsettled()).toBe(open.filter((offset) => !settledInTenure.has(offset)).length);
    }

    // Once everything is settled, the end of what was fetched is committed, markers included: lag reaches 0.
    if (!assigned) return;
    for (const { run } of handed) run.settleAll();
    const [last] = tracker.committable();
    expect(last?.offset ?? broker).toBe(tracker.position(at));
  },
);

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
}
