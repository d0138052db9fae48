import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { nodeEnvironment, nodeFlags } from "@ethhook/scripts/node-settings";

const main = fileURLToPath(new URL("../../services/ingestor/src/main.ts", import.meta.url));
const outputLinesMax = 5_000;

/** An ingestor as production runs it: `node services/ingestor/src/main.ts`, configured by its environment. */
export interface IngestorProcess {
  readonly pid: number;
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>;
  /** The log lines so far, parsed. */
  readonly lines: readonly Readonly<Record<string, unknown>>[];
  kill(signal: NodeJS.Signals): void;
  /** SIGTERM, or SIGKILL after a while; resolves when it is gone. */
  stop(): Promise<void>;
  /** Bytes of memory that it ever had resident at once. */
  peakMemoryBytes(): number;
  /** Bytes that it wrote so far, to sockets and files. */
  writtenBytes(): number;
}

export function startIngestorProcess(env: Readonly<Record<string, string>>): IngestorProcess {
  const child: ChildProcess = spawn(process.execPath, [...nodeFlags, main], {
    env: {
      ...nodeEnvironment,
      PATH: process.env["PATH"] ?? "",
      NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
      HTTP_PORT: "0",
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: Record<string, unknown>[] = [];
  let rest = "";
  const collect = (chunk: Buffer): void => {
    const parts = (rest + chunk.toString()).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      if (lines.length >= outputLinesMax) lines.shift();
      lines.push(part.startsWith("{") ? (JSON.parse(part) as Record<string, unknown>) : { msg: part });
    }
  };
  child.stdout?.on("data", collect);
  child.stderr?.on("data", collect);
  const exited = once(child, "exit").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
  }));
  const { pid } = child;
  if (pid === undefined) throw new Error("the ingestor did not start");
  return {
    pid,
    exited,
    lines,
    kill: (signal) => void child.kill(signal),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGCONT");
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
      await exited;
      clearTimeout(timer);
    },
    writtenBytes: () => Number(/wchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, "utf8"))?.[1]),
    peakMemoryBytes: () =>
      Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1_024,
  };
}
