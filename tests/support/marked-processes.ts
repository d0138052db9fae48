import { existsSync, readdirSync, readFileSync } from "node:fs";

/** A process of this machine, as /proc shows it. */
export interface MarkedProcess {
  readonly pid: number;
  readonly command: string;
}

/**
 * Every process that inherited `marker` in its environment: whatever a command started, and what those started, also after they
 * left its process group. Linux only; elsewhere none is found.
 */
export function processesWith(marker: string): readonly MarkedProcess[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      if (!readFileSync(`/proc/${pid}/environ`, "utf8").includes(marker)) return [];
      const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").trim();
      // A process that has ended and was not collected yet has no command line.
      return command === "" ? [] : [{ pid: Number(pid), command }];
    } catch {
      // It ended while we looked, or belongs to somebody else.
      return [];
    }
  });
}

/**
 * SIGSTOP, and resolves when it stands still: the signal reaches the threads of a process one after the other, and one of them may
 * answer a request meanwhile. Linux only; elsewhere it resolves at once.
 */
export async function standStill(pid: number): Promise<void> {
  process.kill(pid, "SIGSTOP");
  while (statesOf(pid).some((state) => state !== "T")) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Of each thread: `R` running, `S` sleeping, `T` stopped. */
function statesOf(pid: number): readonly string[] {
  const folder = `/proc/${pid}/task`;
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map(
    (thread) => /\) (\w)/.exec(readFileSync(`${folder}/${thread}/stat`, "utf8"))?.[1] ?? "",
  );
}
