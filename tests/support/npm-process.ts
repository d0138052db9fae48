import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { processesWith, type MarkedProcess } from "./marked-processes.ts";
import { until } from "./until.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** An `npm` command as a person types it. */
export interface NpmProcess {
  readonly child: ChildProcess;
  /** Exit code; null after a signal. */
  readonly done: Promise<number | null>;
  /** What it wrote so far. */
  readonly said: { readonly stdout: string; readonly stderr: string };
  /**
   * Resolves when what it wrote matches.
   * @throws Error with everything that it wrote, when it ends before that or takes longer than a minute.
   */
  hasSaid(words: RegExp): Promise<void>;
  /** Processes that it started, or that those started, and that still run. */
  left(): readonly MarkedProcess[];
  /** Ends it if it still runs, and removes its data. */
  cleanUp(): Promise<void>;
}

/** Starts `npm …` at the root, with a data folder of its own. */
export function startNpm(args: readonly string[], env: Readonly<Record<string, string>> = {}): NpmProcess {
  const marker = `ETHHOOK_TEST_RUN=${randomUUID()}`;
  const [name, value] = marker.split("=") as [string, string];
  const folder = mkdtempSync(join(tmpdir(), "ethhook-npm-"));
  const child = spawn("npm", [...args], {
    cwd: root,
    env: { ...process.env, ETHHOOK_DATA: folder, [name]: value, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { stdout: "", stderr: "" };
  let ended = false;
  child.stdout.on("data", (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (said.stderr += chunk.toString()));
  const done = new Promise<number | null>((resolve) => child.once("close", resolve));
  void done.then(() => (ended = true));
  return {
    child,
    done,
    said,
    async hasSaid(words) {
      const output = (): string => said.stdout + said.stderr;
      await until(String(words), output, (text) => ended || words.test(text), 60_000);
      if (!words.test(output())) throw new Error(`it ended before it said ${words}:\n${output()}`);
    },
    left: () => processesWith(marker),
    async cleanUp() {
      child.kill("SIGTERM");
      await done;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** npm writes what it runs to stdout; a command's JSON is the last line. */
export function lastJson<T>(stdout: string): T {
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as T;
}
