import { readFileSync } from "node:fs";

const sampleEveryMs = 100;

/** Resident memory of a process in MiB; NaN when it is gone or the machine has no /proc. */
export function residentMiB(pid: number): number {
  try {
    const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1];
    return Number(kibibytes) / 1024;
  } catch {
    return Number.NaN;
  }
}

/** Watches a process's memory until `peakMiB` is asked for: the highest of what was seen every 100 ms. */
export function watchMemory(pid: number): { peakMiB(): number } {
  let peak = residentMiB(pid);
  const timer = setInterval(() => {
    peak = Math.max(peak, residentMiB(pid));
  }, sampleEveryMs);
  return {
    peakMiB() {
      clearInterval(timer);
      return peak;
    },
  };
}
