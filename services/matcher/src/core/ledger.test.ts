import type { Block } from "@ethhook/schemas";
import { describe, expect, test } from "vitest";
import { decideByLedger } from "./finality-gate.ts";
import { createLedger, type BlockStatus, type Ledger } from "./ledger.ts";

const hash = (n: number): string => `0x${n.toString(16).padStart(64, "0")}`;

/** Writes a ledger as the ingestor does. */
function write(ledger: Ledger) {
  let sequence = 0;
  const apply = (kind: Block["kind"], number: number, addedSequence?: number): number => {
    sequence += 1;
    ledger.apply({
      v: 1,
      kind,
      chainId: 1,
      sequence,
      addedSequence: addedSequence ?? sequence,
      number,
      hash: hash(number),
      parentHash: hash(number - 1),
      timestamp: number,
      logCount: kind === "finalized" ? 0 : 2,
      digest: "0".repeat(64),
      proof: "bloom",
      seenAtMs: sequence * 1_000,
    });
    return sequence;
  };
  return {
    add: (number: number) => apply("added", number),
    remove: (number: number, addedSequence: number) => apply("removed", number, addedSequence),
    finalize: (number: number) => apply("finalized", number),
  };
}

function statuses(ledger: Ledger, sequences: readonly number[]): BlockStatus[] {
  return sequences.map((sequence) => ledger.statusOf(sequence, "confirmed"));
}

describe("confirmed", () => {
  test("a block is final when the depth stands on it", () => {
    const ledger = createLedger(2);
    const { add } = write(ledger);
    const [first, second] = [add(10), add(11)];
    expect(ledger.statusOf(first, "confirmed")).toBe("waiting");
    add(12);
    expect(statuses(ledger, [first, second])).toEqual(["final", "waiting"]);
    expect(ledger.statusOf(first, "finalized")).toBe("waiting");
  });

  test("a block that was removed before is never final, and its successor is", () => {
    const ledger = createLedger(1);
    const { add, remove } = write(ledger);
    const orphan = add(10);
    remove(10, orphan);
    const block = add(10);
    add(11);
    expect(statuses(ledger, [orphan, block])).toEqual(["removed", "final"]);
  });

  test("a block that was removed after it had become final stays final: its removal is told", () => {
    const ledger = createLedger(1);
    const { add, remove } = write(ledger);
    const first = add(10);
    const second = add(11);
    remove(11, second);
    const removal = remove(10, first);
    expect(statuses(ledger, [first, second])).toEqual(["final", "removed"]);
    const log = { kind: "removed" as const, sequence: removal, addedSequence: first };
    expect(decideByLedger(log, ledger, "confirmed")).toBe("pass");
    expect(decideByLedger({ ...log, addedSequence: second }, ledger, "confirmed")).toBe("drop");
  });
});

describe("finalized", () => {
  test("every standing block up to the finalized number is final", () => {
    const ledger = createLedger(100);
    const { add, finalize } = write(ledger);
    const blocks = [add(10), add(11), add(12)];
    finalize(11);
    expect(blocks.map((block) => ledger.statusOf(block, "finalized"))).toEqual(["final", "final", "waiting"]);
    expect(ledger.statusOf(blocks[0] ?? 0, "confirmed")).toBe("final");
  });
});

describe("a long ledger", () => {
  const blocks = 250_000;

  test("still knows what became of blocks whose entries it has dropped", () => {
    const ledger = createLedger(2);
    const { add, remove, finalize } = write(ledger);
    const first = add(1);
    const orphan = add(2);
    remove(2, orphan);
    for (let number = 2; number < blocks; number++) add(number);
    expect(statuses(ledger, [first, orphan])).toEqual(["final", "removed"]);
    expect(ledger.statusOf(first, "finalized")).toBe("waiting");
    finalize(1);
    expect(ledger.statusOf(first, "finalized")).toBe("final");
  });

  test("learns what another part of it has decided, and nothing that is still open there", () => {
    const [past, live] = [createLedger(1), createLedger(1)];
    const { add, finalize } = write(past);
    const [first, second] = [add(1), add(2)];
    add(3);
    finalize(1);
    live.learn(past);
    expect(statuses(past, [first, second])).toEqual(["final", "final"]);
    write(live).finalize(1);
    for (const wait of ["confirmed", "finalized"] as const)
      expect([first, second].map((sequence) => live.statusOf(sequence, wait))).toEqual(["final", "waiting"]);
  });
});

describe("what is not in memory", () => {
  test("a log ahead of the ledger waits; one from before it needs an older ledger", () => {
    const ledger = createLedger(1);
    expect(decideByLedger({ kind: "new", sequence: 1, addedSequence: 1 }, ledger, "finalized")).toBe("wait");
    const { add } = write(ledger);
    add(10);
    add(11);
    expect(decideByLedger({ kind: "new", sequence: 2, addedSequence: 0 }, ledger, "finalized")).toBe("older");
    expect(decideByLedger({ kind: "removed", sequence: 3, addedSequence: 1 }, ledger, "finalized")).toBe(
      "wait",
    );
  });

  test("records that come twice change nothing", () => {
    const ledger = createLedger(1);
    write(ledger).add(10);
    const { add } = write(ledger);
    add(99);
    expect(ledger.last()).toBe(1);
    expect(ledger.statusOf(1, "confirmed")).toBe("waiting");
  });
});

describe("the eligible part of the lag", () => {
  test("counts logs of final blocks after a sequence, and since when they could go", () => {
    const ledger = createLedger(1);
    const { add, remove } = write(ledger);
    const first = add(10);
    const orphan = add(11);
    remove(11, orphan);
    add(11);
    expect(ledger.finalLogsAfter(0, "confirmed")).toBe(2);
    expect(ledger.finalLogsAfter(first, "confirmed")).toBe(0);
    add(12);
    expect(ledger.finalLogsAfter(0, "confirmed")).toBe(4);
    expect(ledger.finalSince(0, "confirmed")).toBe(2_000);
    expect(ledger.finalSince(first, "confirmed")).toBe(5_000);
    expect(ledger.finalSince(first, "finalized")).toBe(null);
  });
});
