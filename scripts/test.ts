import { parseArguments, usage } from "./test/arguments.ts";
import { checks, runChecks } from "./test/checks.ts";
import { projectRoot, withLocalTools } from "./test/process.ts";
import { runVitest } from "./test/vitest.ts";

const parsed = parseArguments(process.argv.slice(2));
if (parsed.kind === "help") {
  console.log(usage(checks.map((check) => check.title)));
} else if (parsed.kind === "wrong") {
  console.error(`${parsed.reason}\n\n${usage(checks.map((check) => check.title))}`);
  process.exitCode = 2;
} else {
  const env = withLocalTools(process.env, projectRoot);
  const startedMs = performance.now();
  const total = { passed: 0, failed: 0, skipped: 0 };
  const runs = [
    ...(parsed.checks ? [() => runChecks(env)] : []),
    ...(parsed.vitest ? [() => runVitest(parsed.vitestArguments, env)] : []),
  ];
  for (const run of runs) {
    const { passed, failed, skipped } = await run();
    total.passed += passed;
    total.failed += failed;
    total.skipped += skipped;
  }
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  console.log(`\n${seconds} s${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);
  console.log(`${total.passed} passed, ${total.failed} failed`);
  process.exitCode = total.failed > 0 ? 1 : 0;
}
