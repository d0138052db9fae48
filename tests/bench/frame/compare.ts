import { cpuSecondsOf } from "./cpu.ts";
import { spreadOf } from "./statistics.ts";
import type { Comparison, Contender, Measured } from "./types.ts";

interface Run {
  readonly figures: Readonly<Record<string, number>>;
  readonly wallSeconds: number;
  readonly cpuSeconds: Readonly<Record<string, number>>;
}

/**
 * Runs every contender once to warm up, then `runs` rounds of all of them in turn, so that whatever the machine does
 * meanwhile falls on all alike.
 */
export async function compare(
  contenders: readonly Contender[],
  runs: number,
  progress: (line: string) => void,
): Promise<Comparison> {
  const measured = new Map<string, Run[]>(contenders.map((contender) => [contender.name, []]));
  for (let round = 0; round <= runs; round += 1) {
    for (const contender of contenders) {
      progress(`${round === 0 ? "warm-up" : `run ${round} of ${runs}`}: ${contender.name}`);
      const run = await measure(contender);
      if (round > 0) measured.get(contender.name)?.push(run);
    }
  }
  return new Map([...measured].map(([name, list]) => [name, summary(list)]));
}

async function measure(contender: Contender): Promise<Run> {
  const pids = { bench: process.pid, ...contender.processes };
  const before = Object.values(pids).map(cpuSecondsOf);
  const startedMs = performance.now();
  const figures = await contender.run();
  const wallSeconds = (performance.now() - startedMs) / 1000;
  const used = Object.entries(pids).map(([name, pid], index) => [
    name,
    cpuSecondsOf(pid) - (before[index] ?? Number.NaN),
  ]);
  return { figures, wallSeconds, cpuSeconds: Object.fromEntries(used) as Record<string, number> };
}

function summary(runs: readonly Run[]): Measured {
  const spreads = (records: readonly Readonly<Record<string, number>>[]) =>
    Object.fromEntries(
      Object.keys(records[0] ?? {}).map((name) => [
        name,
        spreadOf(records.map((one) => one[name] ?? Number.NaN)),
      ]),
    );
  return {
    figures: spreads(runs.map((run) => run.figures)),
    wallSeconds: spreadOf(runs.map((run) => run.wallSeconds)),
    cpuSeconds: spreads(runs.map((run) => run.cpuSeconds)),
  };
}

/** The median of one figure. @throws RangeError when the contender or the figure does not exist: a bug of the suite. */
export function median(measured: Comparison, contender: string, figure: string): number {
  const spread = measured.get(contender)?.figures[figure];
  if (spread === undefined) throw new RangeError(`${contender} measured no ${figure}`);
  return spread.median;
}
