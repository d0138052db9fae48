import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Environment, run, type Tally } from "./process.ts";

/** The part of vitest's JSON report that is read here. */
export interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { status: string }[];
  }[];
}

/** Runs vitest with its own progress on the terminal and counts what it reports. */
export async function runVitest(args: readonly string[], env: Environment): Promise<Tally> {
  const folder = await mkdtemp(join(tmpdir(), "ethhook-test-"));
  const file = join(folder, "report.json");
  try {
    const { code } = await run(
      "vitest",
      [
        "run",
        "--config",
        "tests/vitest.config.ts",
        "--reporter=default",
        "--reporter=json",
        `--outputFile.json=${file}`,
        ...args,
      ],
      { env, show: true },
    );
    const report = await readFile(file, "utf8").then(
      (text) => JSON.parse(text) as Report,
      () => undefined,
    );
    return tallyOf(report, code);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * A file that could not be loaded has no tests and counts as one failure; so does a run that failed as a whole
 * (an unhandled rejection, a crash of vitest), so that the closing line never hides it.
 */
export function tallyOf(report: Report | undefined, exitCode: number): Tally {
  if (report === undefined) return { passed: 0, failed: exitCode === 0 ? 0 : 1, skipped: 0 };
  const unloaded = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  ).length;
  const failed = report.numFailedTests + unloaded;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && exitCode !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}
