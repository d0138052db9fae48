import type { ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { spawnGuarded } from "@ethhook/infra";
import { PipelineError } from "@ethhook/schemas";
import { lastWords } from "./last-words.ts";
import { compileCachePath, nodeEnvironment, nodeFlags } from "./node-settings.ts";

export interface ServiceSpec {
  readonly name: string;
  /** The service's main file, run by this Node as production runs it. */
  readonly mainPath: string;
  readonly args?: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Where it answers /readyz and /metrics. */
  readonly url: string;
  readonly logPath: string;
  /** A sentence for a person: it ended, it is started again. */
  readonly onNotice: (sentence: string) => void;
}

/** A service of the pipeline, kept running. */
export interface ServiceProcess {
  readonly name: string;
  readonly url: string;
  readonly logPath: string;
  pid(): number | undefined;
  /** Times it was started again. */
  restarts(): number;
  /**
   * Resolves when /readyz answers 200.
   * @throws PipelineError `SERVICE_FAILED` when it ends for good or takes longer than `deadlineMs`.
   */
  ready(deadlineMs: number): Promise<void>;
  /** Resolves with a sentence when it ended for good though nobody asked it to. */
  readonly died: Promise<string>;
  /** SIGTERM, and SIGKILL after a while. Resolves when it is gone. */
  stop(): Promise<void>;
  /** SIGKILL, and it is not started again. Resolves when it is gone. */
  kill(): Promise<void>;
}

const restartMe = 75;
/** Longer than the budget that a service gives itself to stop (10 s). */
const stopGraceMs = 12_000;
const backoffMs = [250, 500, 1_000, 2_000, 4_000] as const;
/** A run that lasted longer starts the count of failures anew. */
const healthyMs = 30_000;
const probeIntervalMs = 50;

/**
 * Starts a service process and starts it again when it asks for that (exit 75) or was killed by a signal.
 * Any other end, and the sixth in a row, is for good.
 */
export function startServiceProcess(spec: ServiceSpec): ServiceProcess {
  const died = Promise.withResolvers<string>();
  let child: ChildProcess | undefined;
  let gone: Promise<void> = Promise.resolve();
  let stopping = false;
  let ended = false;
  let restarts = 0;
  let failuresInRow = 0;
  let retryTimer: NodeJS.Timeout | undefined;

  function run(): void {
    const startedAt = performance.now();
    const log = openSync(spec.logPath, "a");
    const { child: mine, release } = spawnGuarded(
      process.execPath,
      [...nodeFlags, spec.mainPath, ...(spec.args ?? [])],
      {
        env: { ...nodeEnvironment, NODE_COMPILE_CACHE: fileURLToPath(compileCachePath), ...spec.env },
        output: log,
        // Its own session: Ctrl-C reaches only this process, which ends the services in order.
        detached: true,
      },
    );
    closeSync(log);
    child = mine;
    gone = new Promise((resolve) => {
      const finish = (how: string, again: boolean): void => {
        release();
        resolve();
        if (child !== mine) return;
        child = undefined;
        if (stopping) return;
        if (performance.now() - startedAt > healthyMs) failuresInRow = 0;
        runAgain(how, again);
      };
      mine.once("error", (error) => finish(`cannot be started: ${error.message}`, false));
      mine.once("exit", (code, signal) => {
        const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`;
        finish(how, code === restartMe || signal !== null);
      });
    });
  }

  function runAgain(how: string, again: boolean): void {
    const words = lastWords(spec.logPath);
    const why = words === null ? "" : `: ${words.replace(/[.\s]+$/, "")}`;
    const sentence = `${spec.name} ${how}${why}.`;
    const delayMs = backoffMs[failuresInRow];
    if (!again || delayMs === undefined) {
      ended = true;
      died.resolve(`${sentence} Its log: ${spec.logPath}`);
      return;
    }
    failuresInRow += 1;
    restarts += 1;
    spec.onNotice(`${sentence} It is started again in ${delayMs} ms.`);
    retryTimer = setTimeout(run, delayMs);
  }

  /** From now on it is not started again. @returns the process that may still run. */
  function forGood(): ChildProcess | undefined {
    stopping = true;
    ended = true;
    clearTimeout(retryTimer);
    return child;
  }

  run();
  return {
    name: spec.name,
    url: spec.url,
    logPath: spec.logPath,
    pid: () => child?.pid,
    restarts: () => restarts,
    died: died.promise,

    async ready(deadlineMs) {
      const deadline = performance.now() + deadlineMs;
      let why = "it gives no answer";
      while (performance.now() < deadline) {
        if (stopping) throw failed(`${spec.name} was stopped before it was ready.`);
        if (ended) throw failed(await died.promise);
        const reasons = await probe(spec.url);
        if (reasons === null) return;
        why = reasons;
        await delay(probeIntervalMs);
      }
      throw failed(
        `${spec.name} is not ready after ${deadlineMs / 1000} s: ${why}. Its log: ${spec.logPath}`,
      );
    },

    async stop() {
      const mine = forGood();
      mine?.kill("SIGTERM");
      const killer = setTimeout(() => {
        spec.onNotice(`${spec.name} did not stop within ${stopGraceMs / 1000} s and was killed.`);
        mine?.kill("SIGKILL");
      }, stopGraceMs);
      await gone;
      clearTimeout(killer);
    },

    async kill() {
      forGood()?.kill("SIGKILL");
      await gone;
    },
  };
}

function failed(sentence: string): PipelineError {
  return new PipelineError("SERVICE_FAILED", "crash", sentence);
}

/** Null when ready, else why not. */
async function probe(url: string): Promise<string | null> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) });
    const text = await response.text();
    return response.ok ? null : text.trim();
  } catch {
    return "it gives no answer";
  }
}
