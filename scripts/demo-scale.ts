import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { runCommand } from "./command.ts";
import { lagChart, sampleLine } from "./demo/scale/chart.ts";
import { runScale, type ScaleResult, type Teller } from "./demo/scale/scenario.ts";
import { spreadTable } from "./demo/scale/spread.ts";
import { createSessionFolder } from "./start/session-folder.ts";

const program = new Command("npm run demo:scale --")
  .description(
    "Scaling, shown: one matcher and one delivery process fall behind, more join, one of each is killed.",
  )
  .option("--processes <n>", "of each service in the end, 2 to 6", processCount, 4)
  .option("--seconds <n>", "how long each number of processes is watched", positive, 8)
  .option("--json", "print one JSON object on stdout at the end, and everything else on stderr", false)
  .addHelpText(
    "after",
    `
Starts Kafka and Postgres on free ports, with data that is thrown away, and takes about a minute. Logs are written to the 12 partitions
of logs.base in the place of an ingestor; everything behind them is the real thing. So that any machine can show it,
each matcher is held to 5 % of a core, as by the CPU limit of a container, and a delivery process to 15 POSTs at a time.
Ctrl-C stops everything.

Exit code: 0 when lag grew and fell, the partitions were spread at each step, nothing was lost, what came twice came with
the same id and bytes, and each contract kept its order. 1 when not.`,
  )
  .action((options: { processes: number; seconds: number; json: boolean }) =>
    runCommand(() => demo(options)),
  );

async function demo(given: { processes: number; seconds: number; json: boolean }): Promise<number> {
  const { env, pid } = process;
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => interrupt.abort(new Error(`Stopped by ${signal}.`)));
  }
  const out = given.json ? process.stderr : process.stdout;
  const print = (text: string): void => void out.write(`${text}\n`);
  const root = env["ETHHOOK_DATA"] || fileURLToPath(new URL("../.data", import.meta.url));
  try {
    const result = await runScale({
      env,
      folder: createSessionFolder(root, pid),
      processes: given.processes,
      seconds: given.seconds,
      signal: interrupt.signal,
      tell: tellerOf(print),
    });
    print(summary(result));
    if (given.json) process.stdout.write(`${JSON.stringify(told(result))}\n`);
    return result.checks.every(({ ok }) => ok) ? 0 : 1;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    print("Stopped before the end.");
    return 1;
  }
}

/** Lines between two samples that are shown; the chart has all of them. */
const sampleEvery = 2;

function tellerOf(print: (text: string) => void): Teller {
  const startedAt = performance.now();
  let samples = 0;
  const say = (text: string): void =>
    print(`${((performance.now() - startedAt) / 1_000).toFixed(0).padStart(4)} s  ${text}`);
  return {
    step: say,
    sample(sample) {
      if (samples++ % sampleEvery === 0) say(sampleLine(sample));
    },
    spread: (topic, shares) => print(`\n${spreadTable(topic, shares)}\n`),
  };
}

function summary({ samples, ledger, load, checks }: ScaleResult): string {
  const { lost, unknown, changed, reordered, duplicates } = ledger;
  return [
    "",
    lagChart(
      "lag of matcher.latest, a bar a second",
      samples.map(({ matcher }) => matcher),
    ),
    "",
    lagChart(
      "lag of delivery, a bar a second",
      samples.map(({ delivery }) => delivery),
    ),
    "",
    `${load.logs} logs, of which ${load.webhooks} matched; lost ${lost.length}, not sent by us ${unknown.length}, sent twice ${duplicates}, ` +
      `with other bytes ${changed.length}, out of order ${reordered.length}`,
    "",
    ...checks.map(({ what, ok }) => `${ok ? "✓" : "✗"} ${what}`),
  ].join("\n");
}

/** The result with counts in the place of lists. */
function told({ ledger, checks, ...rest }: ScaleResult) {
  const { lost, unknown, changed, reordered, duplicates } = ledger;
  return {
    ok: checks.every(({ ok }) => ok),
    checks,
    ledger: {
      lost: lost.length,
      unknown: unknown.length,
      duplicates,
      changed: changed.length,
      reordered: reordered.length,
    },
    ...rest,
  };
}

function processCount(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 2 || value > 6) {
    throw new InvalidArgumentError("expected a whole number from 2 to 6");
  }
  return value;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError("expected a number above 0");
  return value;
}

await program.parseAsync();
// Everything that was started has ended; a connection that some library still retries must not hold the terminal.
process.exit();
