import { readFileSync } from "node:fs";

/** Ticks a second of the times in /proc: fixed at 100 in the kernel's interface on every platform that Node runs on. */
const ticksPerSecond = 100;

/**
 * CPU time that a process used since its start, user and system, all of its threads and all processes that it started:
 * Postgres does its work in children.
 * @returns seconds; NaN when the process is gone or the machine has no /proc.
 */
export function cpuSecondsOf(pid: number): number {
  if (pid === process.pid) {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  }
  try {
    const own = parseStat(readFileSync(`/proc/${pid}/stat`, "latin1"));
    // One that ends in between is counted by its parent, as soon as the parent has taken notice.
    return childrenOf(pid).reduce((sum, child) => sum + (cpuSecondsOf(child) || 0), own);
  } catch {
    return Number.NaN;
  }
}

function childrenOf(pid: number): readonly number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "latin1").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

/**
 * Time of the process and of its children that have ended. The name of the program is in brackets and may hold
 * anything, so fields are counted after the last bracket.
 */
export function parseStat(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return ticks / ticksPerSecond;
}
