import { describe, expect, it } from "vitest";
import { type Report, tallyOf } from "./vitest.ts";

const report = (parts: Partial<Report>): Report => ({
  numPassedTests: 0,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  testResults: [],
  ...parts,
});

describe("counting what vitest reports", () => {
  it("adds passed, failed and skipped tests", () => {
    const counted = tallyOf(report({ numPassedTests: 3, numFailedTests: 1, numTodoTests: 2 }), 1);
    expect(counted).toEqual({ passed: 3, failed: 1, skipped: 2 });
  });

  it("counts a file that could not be loaded as one failure", () => {
    const unloadable = { status: "failed", assertionResults: [] };
    expect(tallyOf(report({ numPassedTests: 1, testResults: [unloadable] }), 1).failed).toBe(1);
  });

  it("does not hide a run that failed although every test passed", () => {
    expect(tallyOf(report({ numPassedTests: 1 }), 1).failed).toBe(1);
  });

  it("counts a crash that left no report as one failure", () => {
    expect(tallyOf(undefined, 1)).toEqual({ passed: 0, failed: 1, skipped: 0 });
  });
});
