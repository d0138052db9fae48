import type { Machine } from "./machine.ts";
import type { Comparison, Measured, Result, Spread } from "./types.ts";

/** Everything that one suite has to say. */
export interface Report {
  readonly suite: string;
  readonly machine: Machine;
  readonly runs: number;
  readonly settings: Readonly<Record<string, string | number>>;
  readonly measured: Comparison;
  readonly results: readonly Result[];
  readonly seconds: number;
}

/** The object that `--json` prints. */
export function asJson(report: Report): object {
  return { ...report, measured: Object.fromEntries(report.measured) };
}

export function asText(report: Report): string {
  const { machine, settings } = report;
  const lines = [
    `${report.suite}: ${report.runs} runs after a warm-up, contenders in turn; median [lowest – highest]`,
    `machine: ${machine.cores} × ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.system}, Node ${machine.node}, load ${machine.load} before`,
    `settings: ${Object.entries(settings)
      .map(([name, value]) => `${name} ${value}`)
      .join(", ")}`,
    "",
    ...[...report.measured].flatMap(([name, measured]) => contenderLines(name, measured)),
    ...report.results.map(
      ({ name, value, unit, goal }) =>
        `${name} = ${shown(value)} ${unit}${goal === undefined ? "" : ` (goal ${goal})`}`,
    ),
  ];
  return lines.join("\n");
}

function contenderLines(name: string, measured: Measured): string[] {
  const rows = [
    ...Object.entries(measured.figures),
    ["wall s", measured.wallSeconds] as const,
    ...Object.entries(measured.cpuSeconds).map(([process, spread]) => [`CPU s, ${process}`, spread] as const),
  ];
  const width = Math.max(...rows.map(([label]) => label.length));
  return [name, ...rows.map(([label, spread]) => `  ${label.padEnd(width)}  ${shownSpread(spread)}`), ""];
}

function shownSpread({ median, min, max }: Spread): string {
  return min === max ? shown(median) : `${shown(median)} [${shown(min)} – ${shown(max)}]`;
}

/** Three significant digits, and no exponent. */
function shown(value: number): string {
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}
