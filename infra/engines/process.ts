import { closeSync, existsSync, mkdirSync, openSync, renameSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { PipelineError } from "@ethhook/schemas";
import { tellingLines } from "./last-words.ts";
import { spawnGuarded, type EndSignal } from "./watchdog.ts";

export interface ProcessSpec {
  /** The engine, as a person calls it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  /** Beside the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly user?: { readonly uid: number; readonly gid: number };
  readonly logPath: string;
  /** False when the log goes away with a temp folder, so a message must not send anyone there. */
  readonly keepsLog: boolean;
  readonly endSignal: EndSignal;
}

export interface EngineProcess {
  readonly name: string;
  readonly pid: number;
  readonly endSignal: EndSignal;
  readonly logPath: string;
  readonly keepsLog: boolean;
  readonly exited: Promise<string>;
  /** Like `exited`, and keeps this process alive meanwhile: for a program that is run to its end. */
  finished(): Promise<string>;
  /** Asks, waits `graceMs`, then kills. Resolves when the process is gone. */
  end(graceMs?: number): Promise<void>;
  /** Lifts the guard that ends the process with this one. */
  detach(): void;
}

const ended = (code: number | null): string => `ended with exit code ${String(code)}`;
/** What `exited` resolves to when a program did what it was run for. */
export const endedWell = ended(0);
const probeIntervalMs = 20;
/** What an ended process had started itself (initdb has a helper) ends within this time, or is killed. */
const groupGraceMs = 2_000;
/** Processes that this one answers for, to be ended by `endAllEngines`. */
const owned = new Set<EngineProcess>();
let ending = false;

/**
 * Starts an engine's process with its output in `logPath` (the log before it is kept as `.1`).
 * It ends with this process, however that ends, unless it is detached.
 * @throws PipelineError `ENGINE_FAILED` when the program cannot be started at all.
 */
export async function spawnEngine(spec: ProcessSpec): Promise<EngineProcess> {
  if (ending) throw engineFailed(spec, "is not started any more, because this process is ending", undefined);
  mkdirSync(dirname(spec.logPath), { recursive: true });
  if (existsSync(spec.logPath)) renameSync(spec.logPath, `${spec.logPath}.1`);
  const log = openSync(spec.logPath, "a");
  const { child, release } = spawnGuarded(
    spec.command,
    spec.args,
    {
      cwd: spec.cwd ?? dirname(spec.logPath),
      env: { ...process.env, ...spec.env },
      output: log,
      // Its own session: Ctrl-C reaches only us, and services stop before their engines.
      detached: true,
      ...spec.user,
    },
    spec.endSignal,
  );
  closeSync(log);
  let gone = false;
  const exited = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => {
      gone = true;
      resolve(signal ? `was ended by ${signal}` : ended(code));
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (cause) => reject(engineFailed(spec, `cannot be started: ${cause.message}`, cause)));
  });
  const pid = child.pid ?? 0;
  // A forgotten engine must not hold up an exit.
  child.unref();
  const engine: EngineProcess = {
    name: spec.name,
    pid,
    endSignal: spec.endSignal,
    logPath: spec.logPath,
    keepsLog: spec.keepsLog,
    exited,
    finished() {
      child.ref();
      return exited;
    },
    async end(graceMs = 10_000) {
      if (gone) return;
      child.ref();
      signalGroup(pid, `SIG${spec.endSignal}`);
      const killer = setTimeout(() => signalGroup(pid, "SIGKILL"), graceMs);
      await exited;
      clearTimeout(killer);
      const deadline = performance.now() + groupGraceMs;
      while (signalGroup(pid, 0) && performance.now() < deadline) await delay(probeIntervalMs);
      signalGroup(pid, "SIGKILL");
    },
    detach() {
      owned.delete(engine);
      release();
    },
  };
  owned.add(engine);
  void exited.then(() => engine.detach());
  return engine;
}

/**
 * Signals a process and what it started: each is spawned as the leader of its own group.
 * @returns false when nobody is left in the group.
 */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    // EPERM: somebody is there, who runs as another user.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/**
 * Ends every engine that this process started and did not detach, for good: one that was about to be started is not.
 * For the end of a process, as in the handler of SIGINT and SIGTERM.
 */
export async function endAllEngines(): Promise<void> {
  ending = true;
  await Promise.all([...owned].map((engine) => engine.end()));
}

/**
 * Waits until `probe` answers true. When it does not, the process is ended before this throws.
 * @throws PipelineError `ENGINE_FAILED` with the end of the log, when the process ends or the deadline passes.
 */
export async function untilReady(
  engine: EngineProcess,
  probe: () => Promise<boolean>,
  deadlineMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  let gone: string | undefined;
  void engine.exited.then((how) => {
    gone = how;
  });
  let lastError: unknown;
  for (;;) {
    try {
      if (await probe()) return;
    } catch (error) {
      lastError = error;
    }
    if (gone !== undefined) throw engineFailed(engine, `${gone} while starting`, lastError);
    if (performance.now() > deadline) {
      await engine.end();
      throw engineFailed(engine, `gave no answer within ${deadlineMs / 1000} s`, lastError);
    }
    await delay(probeIntervalMs);
  }
}

/** The error of an engine that cannot be used: what happened, where its log is, and what that says. */
export function engineFailed(
  engine: { readonly name: string; readonly logPath: string; readonly keepsLog: boolean },
  what: string,
  cause: unknown,
): PipelineError {
  const said = tellingLines(engine.logPath).map((line) => `\n    ${line}`);
  const where = engine.keepsLog
    ? ` Its log is ${engine.logPath}; if its data is broken, \`npm run engines -- reset\` starts without it.`
    : "";
  const words = said.length > 0 ? ` It says:${said.join("")}` : "";
  return new PipelineError("ENGINE_FAILED", "crash", `${engine.name} ${what}.${where}${words}`, { cause });
}
