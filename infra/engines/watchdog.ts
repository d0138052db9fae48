import { spawn, type ChildProcess, type SpawnOptions } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** How a process is asked to end when its owner is gone. Postgres ends fast on SIGINT; others on SIGTERM. */
export type EndSignal = "TERM" | "INT";

/**
 * A shell that reads `+ SIGNAL pid` and `- SIGNAL pid` lines. When the pipe closes (this process ended in any way,
 * SIGKILL included) it ends every process still on its list, kills what is left after ten seconds, and removes the
 * temp folder in $1. It is a shell, not Node, because it costs 1 MB and needs nothing of ours to be alive.
 */
const script = `
list=""
while read -r op signal pid; do
  if [ "$op" = "+" ]; then list="$list $signal:$pid"; continue; fi
  kept=""
  for entry in $list; do [ "$entry" = "$signal:$pid" ] || kept="$kept $entry"; done
  list="$kept"
done
for entry in $list; do kill -s "\${entry%%:*}" "\${entry##*:}" 2>/dev/null; done
for i in 1 2 3 4 5 6 7 8 9 10; do
  alive=""
  for entry in $list; do kill -0 "\${entry##*:}" 2>/dev/null && alive=yes; done
  [ -z "$alive" ] && break
  sleep 1
done
for entry in $list; do kill -KILL "\${entry##*:}" 2>/dev/null; done
rm -rf "$1"
`;

interface Watchdog {
  readonly shell: ChildProcess;
  readonly tempFolder: string;
}

let watchdog: Watchdog | undefined;

function startWatchdog(): Watchdog {
  const tempFolder = mkdtempSync(join(tmpdir(), "ethhook-"));
  // Under root, Postgres runs as another user and must be able to pass through.
  if (process.getuid?.() === 0) chmodSync(tempFolder, 0o711);
  // Its own session, so that Ctrl-C in the terminal reaches only us and the order of shutdown stays ours.
  const shell = spawn("sh", ["-c", script, "ethhook-watchdog", tempFolder], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
    cwd: "/",
  });
  shell.unref();
  const { stdin } = shell;
  stdin?.on("error", () => {});
  // Neither the shell nor its pipe may keep this process alive.
  if (stdin && "unref" in stdin && typeof stdin.unref === "function") stdin.unref();
  process.once("exit", () => rmSync(tempFolder, { recursive: true, force: true }));
  return { shell, tempFolder };
}

function ensureWatchdog(): Watchdog {
  if (watchdog && watchdog.shell.exitCode === null && watchdog.shell.signalCode === null) return watchdog;
  watchdog = startWatchdog();
  return watchdog;
}

/** What a guarded child runs first: it puts itself on the list before it becomes the program, with the same pid. */
const register = 'echo "+ $0 $$" >&3; exec 3>&-; exec "$@"';

export interface GuardedProcess {
  readonly child: ChildProcess;
  /** Lifts the guard: for a process that has ended, whose pid may soon be somebody else's, or that shall live on. */
  release(): void;
}

/**
 * Starts a program that ends when this process ends, however it ends. The child holds the watchdog's pipe until it is on
 * the list, so not even a SIGKILL between its start and our next step leaves it behind.
 */
export function spawnGuarded(
  command: string,
  args: readonly string[],
  options: Omit<SpawnOptions, "stdio"> & { readonly output: number | "pipe" },
  signal: EndSignal = "TERM",
): GuardedProcess {
  const { shell } = ensureWatchdog();
  const { output, ...rest } = options;
  const child = spawn("sh", ["-c", register, signal, command, ...args], {
    ...rest,
    stdio: ["ignore", output, output, shell.stdin],
  });
  return { child, release: () => void shell.stdin?.write(`- ${signal} ${child.pid ?? 0}\n`) };
}

/**
 * Ends process `pid`, which already runs, when this process ends, however it ends.
 * @returns a function that lifts the guard; call it once the process has exited, or its pid may be somebody else's.
 */
export function guard(pid: number, signal: EndSignal = "TERM"): () => void {
  const { shell } = ensureWatchdog();
  shell.stdin?.write(`+ ${signal} ${pid}\n`);
  return () => {
    shell.stdin?.write(`- ${signal} ${pid}\n`);
  };
}

/** A new folder under the temp folder, removed when this process ends, however it ends. */
export function ownTempFolder(name: string): string {
  return mkdtempSync(join(ensureWatchdog().tempFolder, `${name}-`));
}
