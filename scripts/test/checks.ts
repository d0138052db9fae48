import { type Environment, run, type Tally } from "./process.ts";

/** A static check: a program that prints what is wrong and exits non-zero. */
export interface Check {
  readonly title: string;
  readonly command: string;
  readonly args: readonly string[];
  /** What a person does about a failure. */
  readonly remedy: string;
}

export const checks: readonly Check[] = [
  { title: "format", command: "oxfmt", args: ["--check"], remedy: "npm run format:fix" },
  { title: "types", command: "tsc", args: ["--noEmit"], remedy: "npm run typecheck" },
  { title: "lint", command: "oxlint", args: ["--type-aware", "--deny-warnings"], remedy: "npm run lint" },
  {
    title: "boundaries",
    command: "turbo",
    args: ["boundaries"],
    remedy: "see turbo.json in the named workspace",
  },
  { title: "unused code", command: "knip", args: ["--no-config-hints"], remedy: "npm run unused" },
];

/** Runs every check, one after the other, and shows the output of those that fail. */
export async function runChecks(env: Environment): Promise<Tally> {
  let failed = 0;
  for (const check of checks) {
    const startedMs = performance.now();
    const { code, output } = await run(check.command, check.args, { env });
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    console.log(` ${code === 0 ? "✓" : "✗"} ${check.title} (${seconds} s)`);
    if (code === 0) continue;
    failed += 1;
    console.log(`${output.trimEnd()}\n   → ${check.remedy}\n`);
  }
  return { passed: checks.length - failed, failed, skipped: 0 };
}
