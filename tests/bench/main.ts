import { PipelineError } from "@ethhook/schemas";
import { benchUsage, parseBenchArguments } from "./frame/arguments.ts";
import { compare } from "./frame/compare.ts";
import { thisMachine } from "./frame/machine.ts";
import { asJson, asText, type Report } from "./frame/report.ts";
import type { Suite, SuiteContext } from "./frame/types.ts";
import { suites } from "./suites.ts";

async function measured(suite: Suite, context: SuiteContext): Promise<Report> {
  const startedMs = performance.now();
  const machine = thisMachine();
  context.progress(`${suite.name}: preparing`);
  await using prepared = await suite.prepare(context);
  const comparison = await compare(prepared.contenders, context.runs, context.progress);
  return {
    suite: suite.name,
    machine,
    runs: context.runs,
    settings: prepared.settings,
    measured: comparison,
    results: prepared.results(comparison),
    seconds: Math.round((performance.now() - startedMs) / 1000),
  };
}

const parsed = parseBenchArguments(process.argv.slice(2), suites);
if (parsed.kind === "help") console.log(benchUsage(suites));
else if (parsed.kind === "wrong") {
  console.error(`${parsed.reason}\n\n${benchUsage(suites)}`);
  process.exitCode = 2;
} else {
  const context: SuiteContext = {
    runs: parsed.runs,
    secondsPerRun: parsed.secondsPerRun,
    outageSeconds: parsed.outageSeconds,
    scale: parsed.scale,
    progress: (line) => console.error(line),
  };
  try {
    for (const suite of parsed.suites) {
      const report = await measured(suite, context);
      console.log(parsed.json ? JSON.stringify(asJson(report)) : `\n${asText(report)}\n`);
    }
  } catch (error) {
    // What cannot be measured has no figure: no half a report.
    console.error(error instanceof PipelineError ? error.message : error);
    process.exitCode = 1;
  }
}
