import { parseArgs } from "node:util";
import { faultNames, type FaultName, type Tally } from "./faults.ts";
import { runSeed } from "./run.ts";

const usage = `npm run simulate -- [--seeds N] [--from S] [--log LEVEL]

Runs the ingestor against a simulated chain behind faulty nodes, with restarts, on virtual time, and then checks the
topics: the chain's logs exactly once, net of removals, in order. A seed decides everything; it always runs the same.

  --seeds N    how many seeds (default 100)
  --from S     the first one (default 1)
  --log LEVEL  shows the ingestors' own log: error, warn, info, debug
  --help       this`;

const progressEveryMs = 2_000;

interface Flags {
  readonly seeds: number;
  readonly from: number;
  readonly log: string;
}

function parse(): Flags | "help" | string {
  try {
    const { values } = parseArgs({
      options: {
        help: { type: "boolean", short: "h" },
        seeds: { type: "string", default: "100" },
        from: { type: "string", default: "1" },
        log: { type: "string", default: "silent" },
      },
    });
    if (values.help) return "help";
    const [seeds, from] = [Number(values.seeds), Number(values.from)];
    if (!Number.isSafeInteger(seeds) || seeds < 1) return "--seeds: expected a whole number from 1";
    if (!Number.isSafeInteger(from) || from < 0) return "--from: expected a whole number from 0";
    if (!["silent", "error", "warn", "info", "debug"].includes(values.log))
      return "--log: expected error, warn, info or debug";
    return { seeds, from, log: values.log };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function table(total: Tally, struck: ReadonlyMap<FaultName, number>): string {
  const width = Math.max(...faultNames.map((name) => name.length));
  const rows = faultNames.map(
    (name) =>
      `${name.padEnd(width)}  ${String(total.get(name) ?? 0).padStart(8)}  ${String(struck.get(name) ?? 0).padStart(8)}`,
  );
  return [`${"fault".padEnd(width)}  ${"times".padStart(8)}  ${"in seeds".padStart(8)}`, ...rows].join("\n");
}

async function simulate({ seeds, from, log }: Flags): Promise<number> {
  const total: Tally = new Map();
  const struck = new Map<FaultName, number>();
  const failed: number[] = [];
  const sum = { blocks: 0, logs: 0, virtualMs: 0 };
  const startedAtMs = Date.now();
  let saidAtMs = startedAtMs;
  for (let seed = from; seed < from + seeds; seed++) {
    const outcome = await runSeed(seed, { logLevel: log });
    for (const [name, times] of outcome.tally) {
      total.set(name, (total.get(name) ?? 0) + times);
      struck.set(name, (struck.get(name) ?? 0) + 1);
    }
    sum.blocks += outcome.blocks;
    sum.logs += outcome.logs;
    sum.virtualMs += outcome.virtualMs;
    if (outcome.violations.length > 0) {
      failed.push(seed);
      console.error(`seed ${seed} fails:\n  ${outcome.violations.slice(0, 5).join("\n  ")}`);
      console.error(`  again: npm run simulate -- --seeds 1 --from ${seed} --log info`);
    }
    if (Date.now() - saidAtMs > progressEveryMs) {
      saidAtMs = Date.now();
      console.error(`${seed - from + 1} of ${seeds} seeds, ${failed.length} failed`);
    }
  }
  const seconds = ((Date.now() - startedAtMs) / 1_000).toFixed(1);
  const hours = (sum.virtualMs / 3_600_000).toFixed(1);
  console.log(table(total, struck));
  console.log(
    `\n${seeds} seeds in ${seconds} s: ${hours} h of virtual time, ${sum.blocks} ledger records, ${sum.logs} log records`,
  );
  console.log(failed.length === 0 ? "none failed" : `${failed.length} failed: ${failed.join(", ")}`);
  return failed.length === 0 ? 0 : 1;
}

const flags = parse();
if (flags === "help") console.log(usage);
else if (typeof flags === "string") {
  console.error(`${flags}\n\n${usage}`);
  process.exitCode = 2;
} else process.exitCode = await simulate(flags);
