import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Absolute path of the repository. */
export const projectRoot = fileURLToPath(new URL("../..", import.meta.url));

export type Environment = Readonly<Record<string, string | undefined>>;

/** What passed, failed or was left out. A static check counts as one test. */
export interface Tally {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The environment in which the project's own tools (Node 24 among them) come first, however the script was started. */
export function withLocalTools(env: Environment, root: string): Environment {
  return {
    ...env,
    PATH: `${join(root, "node_modules", ".bin")}${delimiter}${env["PATH"] ?? ""}`,
    TURBO_TELEMETRY_DISABLED: "1",
    DO_NOT_TRACK: "1",
  };
}

export interface Finished {
  /** Exit code; 1 when the program could not start or died of a signal. */
  readonly code: number;
  /** Standard output and error, interleaved; empty when they were inherited. */
  readonly output: string;
}

/** Runs one program in the repository to its end. Never rejects: a program that cannot start is a failure with its reason. */
export function run(
  command: string,
  args: readonly string[],
  options: { readonly env: Environment; readonly show?: boolean; readonly cwd?: string },
): Promise<Finished> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? projectRoot,
      env: { ...options.env },
      stdio: options.show ? "inherit" : ["ignore", "pipe", "pipe"],
    });
    const chunks: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk));
    const output = () => Buffer.concat(chunks).toString("utf8");
    child.on("error", (error) => resolve({ code: 1, output: `${output()}${command}: ${error.message}` }));
    child.on("close", (code) => resolve({ code: code ?? 1, output: output() }));
  });
}
