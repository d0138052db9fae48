import { describe, expect, test } from "vitest";
import { createEpochs, type Epoch, type Epochs } from "./epochs.ts";

const added = (sequence: number) => ({ kind: "new" as const, sequence, addedSequence: sequence });
const removed = (sequence: number, addedSequence: number) => ({
  kind: "removed" as const,
  sequence,
  addedSequence,
});

/** Decides as a partition does: a change is recorded, then decided again. */
function versionOf(
  epochs: Epochs,
  log: ReturnType<typeof added> | ReturnType<typeof removed>,
  candidate: number,
): number | undefined {
  const decision = epochs.decide(log, candidate);
  if (decision.kind === "record") {
    epochs.recorded(decision.epoch);
    return versionOf(epochs, log, candidate);
  }
  return decision.kind === "use" ? decision.version : undefined;
}

describe("a partition that was never matched", () => {
  test("begins with the newest version at its first log", () => {
    const epochs = createEpochs([]);
    expect(epochs.decide(added(5), 3)).toEqual({ kind: "record", epoch: { fromSequence: 5, version: 3 } });
  });

  test("changes version with the next sequence, never within one", () => {
    const epochs = createEpochs([]);
    expect(versionOf(epochs, added(5), 3)).toBe(3);
    expect(versionOf(epochs, added(5), 4)).toBe(3);
    expect(versionOf(epochs, added(6), 4)).toBe(4);
  });

  test("does not go back when an older version is offered", () => {
    const epochs = createEpochs([]);
    expect(versionOf(epochs, added(5), 3)).toBe(3);
    expect(versionOf(epochs, added(6), 2)).toBe(3);
  });
});

describe("a partition that another owner has matched", () => {
  const known: readonly Epoch[] = [
    { fromSequence: 1, version: 1 },
    { fromSequence: 10, version: 4 },
  ];

  test("is matched again with the versions of the first time", () => {
    const epochs = createEpochs(known);
    expect(versionOf(epochs, added(8), 9)).toBe(1);
    expect(versionOf(epochs, added(9), 9)).toBe(1);
    expect(versionOf(epochs, added(10), 9)).toBe(4);
  });

  test("changes version only after the sequence that may have been begun", () => {
    const epochs = createEpochs(known);
    expect(versionOf(epochs, added(12), 9)).toBe(4);
    expect(versionOf(epochs, added(12), 9)).toBe(4);
    expect(versionOf(epochs, added(13), 9)).toBe(9);
  });

  test("says of a log from before its first epoch that no one was told", () => {
    expect(createEpochs([{ fromSequence: 5, version: 1 }]).decide(added(4), 9)).toEqual({
      kind: "never-matched",
    });
  });
});

describe("a removal", () => {
  test("is matched with the version that matched the log", () => {
    const epochs = createEpochs([]);
    expect(versionOf(epochs, added(5), 3)).toBe(3);
    expect(versionOf(epochs, added(6), 7)).toBe(7);
    expect(versionOf(epochs, removed(7, 5), 8)).toBe(3);
    expect(versionOf(epochs, removed(8, 6), 8)).toBe(7);
  });

  test("of a log that was never matched is told to no one", () => {
    expect(createEpochs([]).decide(removed(7, 5), 3)).toEqual({ kind: "never-matched" });
  });
});
