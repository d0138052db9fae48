import type { Block } from "@ethhook/schemas";
import { describe, expect, test } from "vitest";
import { createWindow } from "./window.ts";

function record(kind: Block["kind"], number: number, hash: string, parentHash: string, sequence = 1): Block {
  return {
    v: 1,
    kind,
    chainId: 1,
    sequence,
    addedSequence: sequence,
    number,
    hash,
    parentHash,
    timestamp: 0,
    logCount: 0,
    digest: "",
    proof: "bloom",
    seenAtMs: 0,
  };
}
const a1 = record("added", 1, "a1", "a0");
const a2 = record("added", 2, "a2", "a1");
const a3 = record("added", 3, "a3", "a2");

describe("a window", () => {
  test("follows the ledger: added, removed, added again", () => {
    const window = createWindow([
      a1,
      a2,
      record("removed", 2, "a2", "a1"),
      record("added", 2, "b2", "a1"),
      record("added", 3, "b3", "b2"),
    ]);
    expect(window.tip?.hash).toBe("b3");
    expect(window.above(1).map((block) => block.hash)).toEqual(["b3", "b2"]);
    expect(window.has({ number: 2, hash: "a2" })).toBe(false);
  });

  test("passes over removals of blocks that were added before the tail began", () => {
    const window = createWindow([record("removed", 3, "x3", "x2"), record("removed", 2, "x2", "a1"), a2, a3]);
    expect(window.bottom?.number).toBe(2);
    expect(window.tip?.hash).toBe("a3");
  });

  test("refuses a record that cannot stand there", () => {
    const window = createWindow([a1]);
    expect(() => window.apply(a3)).toThrow(RangeError);
    expect(() => window.apply(record("removed", 1, "other", "a0"))).toThrow(RangeError);
  });

  test("forgets what lies below the finalized block, and never the tip", () => {
    const window = createWindow([a1, a2, a3, record("finalized", 2, "a2", "a1")]);
    window.trim();
    expect(window.bottom?.hash).toBe("a2");
    expect(window.finalized?.hash).toBe("a2");
    expect(window.above(0).map((block) => block.number)).toEqual([3, 2]);
  });

  test("knows that finality was broken: a removed final block leaves its parent as the final one", () => {
    const window = createWindow([a1, a2, a3, record("finalized", 2, "a2", "a1")]);
    window.apply(record("removed", 3, "a3", "a2"));
    window.apply(record("removed", 2, "a2", "a1"));
    expect(window.finalized?.hash).toBe("a1");
  });
});
