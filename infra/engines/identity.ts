import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * What tells a process from a later one with the same pid: when it started. Undefined when it is gone, and for a zombie,
 * which in a container without an init process stays for ever.
 */
export function processIdentity(pid: number): string | undefined {
  if (process.platform !== "linux") return identityFromPs(pid);
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The command in parentheses may hold spaces; fields are counted after it. See proc(5).
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const [state] = fields;
    return state === "Z" || state === "X" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function identityFromPs(pid: number): string | undefined {
  const { stdout, status } = spawnSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], {
    encoding: "utf8",
  });
  const [state = "Z", ...started] = stdout.trim().split(/\s+/);
  return status !== 0 || state.startsWith("Z") ? undefined : started.join(" ");
}

/** Whether process `pid` runs a program of this name; true where the system does not tell. */
export function runsProgram(pid: number, name: string): boolean {
  if (process.platform !== "linux") return true;
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim() === name;
  } catch {
    return false;
  }
}
