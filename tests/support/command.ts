import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface CommandResult {
  /** Undefined when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningCommand {
  readonly child: ChildProcess;
  /** Resolves when the command ended; never rejects. */
  readonly done: Promise<CommandResult>;
  /** What it wrote so far, stdout first. */
  output(): string;
}

/**
 * Runs a script of `scripts/` as a person would, with `env` over an environment that names no server.
 * @param user another user to run it as: only root may.
 */
export function startCommand(
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  user: { readonly uid?: number; readonly gid?: number } = {},
): RunningCommand {
  const child = spawn(process.execPath, [`scripts/${script}.ts`, ...args], {
    cwd: root,
    env: { ...withoutServers(process.env), ...env },
    stdio: ["ignore", "pipe", "pipe"],
    ...user,
  });
  const said = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk: Buffer) => (said.stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (said.stderr += chunk.toString()));
  const done = new Promise<CommandResult>((resolve) => {
    child.once("close", (code) => resolve({ code, ...said }));
  });
  return { child, done, output: () => said.stdout + said.stderr };
}

/** Runs a script of `scripts/` to its end. */
export function runCommand(
  script: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<CommandResult> {
  return startCommand(script, args, env).done;
}

function withoutServers(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const named = /^(KAFKA_|DATABASE_URL|CLICKHOUSE_|POSTGRES_|.*_(WS|HTTP)_URL$|ETHHOOK_DATA)/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !named.test(name)));
}
