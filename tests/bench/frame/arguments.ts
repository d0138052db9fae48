import { parseArgs } from "node:util";
import type { Suite } from "./types.ts";

export type BenchArguments =
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly reason: string }
  | {
      readonly kind: "run";
      readonly suites: readonly Suite[];
      readonly json: boolean;
      readonly runs: number;
      readonly secondsPerRun: number;
      readonly outageSeconds: number;
      readonly scale: number;
    };

/** Bounds of what a person may ask for: a load generator must end by itself. */
const runsMax = 50;
const secondsMax = 120;

export function parseBenchArguments(argv: readonly string[], known: readonly Suite[]): BenchArguments {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        help: { type: "boolean", short: "h" },
        json: { type: "boolean" },
        runs: { type: "string", default: "3" },
        seconds: { type: "string", default: "10" },
        outage: { type: "string", default: "60" },
        scale: { type: "string", default: "1" },
      },
    });
  } catch (error) {
    return { kind: "wrong", reason: error instanceof Error ? error.message : String(error) };
  }
  const { values, positionals } = parsed;
  if (values.help === true) return { kind: "help" };
  if (positionals.length === 0) return { kind: "wrong", reason: "Name a suite." };
  const unknown = positionals.find((name) => !known.some((suite) => suite.name === name));
  if (unknown !== undefined) return { kind: "wrong", reason: `There is no suite "${unknown}".` };
  const runs = Number(values.runs);
  const secondsPerRun = Number(values.seconds);
  if (!Number.isInteger(runs) || runs < 1 || runs > runsMax) {
    return { kind: "wrong", reason: `--runs ${values.runs}: a whole number from 1 to ${runsMax}` };
  }
  if (!(secondsPerRun >= 1 && secondsPerRun <= secondsMax)) {
    return { kind: "wrong", reason: `--seconds ${values.seconds}: from 1 to ${secondsMax}` };
  }
  const outageSeconds = Number(values.outage);
  if (!(outageSeconds >= 1 && outageSeconds <= secondsMax)) {
    return { kind: "wrong", reason: `--outage ${values.outage}: from 1 to ${secondsMax}` };
  }
  const scale = Number(values.scale);
  if (!(scale > 0 && scale <= 1)) {
    return { kind: "wrong", reason: `--scale ${values.scale}: above 0 and at most 1` };
  }
  const suites = known.filter((suite) => positionals.includes(suite.name));
  return { kind: "run", suites, json: values.json === true, runs, secondsPerRun, outageSeconds, scale };
}

export function benchUsage(known: readonly Suite[]): string {
  const width = Math.max(...known.map((suite) => suite.name.length));
  return [
    "npm run bench -- SUITE… [--json] [--runs N] [--seconds N] [--scale S]",
    "",
    "Measures on this machine, with the naive way and the limit beside the product in the same run.",
    "",
    ...known.map((suite) => `  ${suite.name.padEnd(width)}  ${suite.about}`),
    "",
    "  --json       one object a suite on stdout, {results: [{name, value, unit}], …}; all else on stderr",
    "  --runs N     measured runs of each contender (default 3), after one warm-up",
    "  --seconds N  length of one run (default 10)",
    "  --outage N   seconds for which every endpoint answers 503 in the suite deliver (default 60)",
    "  --scale S    share of its full size that a suite with one works on (clickhouse: 4.8 M logs, 7 M attempts)",
    "  --help       this text",
  ].join("\n");
}
