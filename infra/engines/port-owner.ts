import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename } from "node:path";

const listening = "0A";

/** Inodes of the sockets that listen on `port`, from the kernel's tables (proc(5): addresses are hexadecimal). */
function listeningInodes(port: number): ReadonlySet<string> {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    try {
      for (const line of readFileSync(table, "utf8").split("\n").slice(1)) {
        const fields = line.trim().split(/\s+/);
        if (fields[1]?.endsWith(wanted) && fields[3] === listening && fields[9]) inodes.add(fields[9]);
      }
    } catch {
      // No such table here.
    }
  }
  return inodes;
}

/** The program that listens on `port`, as `name (pid 123)`; undefined where the system does not tell (another user's, macOS). */
export function portOwner(port: number): string | undefined {
  const inodes = listeningInodes(port);
  if (inodes.size === 0) return undefined;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
        if (inode && inodes.has(inode)) return `${programOf(pid)} (pid ${pid})`;
      }
    } catch {
      // Gone meanwhile, or not ours to look at.
    }
  }
  return undefined;
}

function programOf(pid: string): string {
  const [command = ""] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  return basename(command) || "a program";
}
