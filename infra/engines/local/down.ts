import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { PipelineError } from "@ethhook/schemas";
import { withLock } from "../lock.ts";
import { postgresDataPath } from "../postgres.ts";
import { isAlive, readState, writeState, type EngineRecord } from "./state.ts";

const graceMs = 15_000;
const pollMs = 20;

/**
 * Stops the engines that `up` left running.
 * @returns those that were stopped; none means that none ran.
 * @throws PipelineError when they belong to a running command, such as `npm start`.
 */
export async function takeDownEngines(dataDir: string): Promise<readonly EngineRecord[]> {
  if (readState(dataDir).length === 0) return [];
  return withLock(join(dataDir, "engines.lock"), async () => {
    const running = readState(dataDir).filter(isAlive);
    refuseOwned(running);
    await Promise.all(running.map(end));
    writeState(dataDir, []);
    return running;
  });
}

/** Stops the engines and deletes their data, downloads excepted. Given servers are never touched. */
export async function resetEngines(dataDir: string): Promise<readonly EngineRecord[]> {
  const stopped = await takeDownEngines(dataDir);
  discardEngineData(dataDir);
  return stopped;
}

/**
 * Deletes the data that engines left in a folder, and what Postgres keeps elsewhere when the folder is out of its reach.
 * They must have been stopped.
 */
export function discardEngineData(dataDir: string): void {
  if (!existsSync(dataDir)) return;
  rmSync(postgresDataPath(join(dataDir, "postgres")), { recursive: true, force: true });
  for (const name of readdirSync(dataDir)) {
    if (/^(kafka|postgres|clickhouse|prometheus|node-.+|engines\.(json|lock))$/.test(name))
      rmSync(join(dataDir, name), { recursive: true, force: true });
  }
}

function refuseOwned(running: readonly EngineRecord[]): void {
  const owner = running.map((record) => record.owner).find((one) => one && isAlive(one));
  if (!owner) return;
  throw new PipelineError(
    "ENGINE_FAILED",
    "crash",
    `The engines belong to a running command (pid ${owner.pid}), such as \`npm start\`: stop that with Ctrl-C, and they stop with it.`,
  );
}

async function end(record: EngineRecord): Promise<void> {
  const deadline = performance.now() + graceMs;
  signal(record, `SIG${record.endSignal}`);
  while (isAlive(record)) {
    await delay(pollMs);
    if (performance.now() > deadline) signal(record, "SIGKILL");
  }
}

function signal({ pid }: EngineRecord, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It ended by itself in between.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
