import { join } from "node:path";
import { PipelineError } from "@ethhook/schemas";
import { makeEnginesFolder } from "../folders.ts";
import { processIdentity } from "../identity.ts";
import { withLock } from "../lock.ts";
import { progressToStderr } from "../types.ts";
import { planEngines, type PlanOptions, type PlannedEngine, type StartedEngine } from "./plan.ts";
import { isAlive, readState, writeState, type EngineRecord } from "./state.ts";

/** How one engine came to be there. */
export interface EngineOutcome {
  readonly key: string;
  readonly name: string;
  /** `given`: by its variable. `already up`: since an earlier command. `restarted`: it had died. */
  readonly how: "given" | "already up" | "started" | "restarted";
  readonly url: string;
  readonly variable: string;
  /** Milliseconds until it answered; 0 when it was there. */
  readonly tookMs: number;
}

export interface LocalEngines {
  readonly outcomes: readonly EngineOutcome[];
  /** Environment variables that point every other process at these engines. */
  readonly variables: Readonly<Record<string, string>>;
  /** Resolves with a sentence when an engine that this call started ends, also when it was stopped. */
  readonly ended: Promise<string>;
  /** Stops what this call started, and nothing else. */
  stop(): Promise<void>;
}

export interface UpOptions extends PlanOptions {
  /** True: the engines live until `down`. False: they end with this process. */
  readonly detached: boolean;
  readonly onProgress?: (line: string) => void;
}

interface Brought {
  readonly outcome: EngineOutcome;
  readonly variables: Readonly<Record<string, string>>;
  readonly started?: StartedEngine;
}

/**
 * Makes sure that every engine is there: given ones and running ones are used, the others are started side by side.
 * When one cannot, those that this call started are stopped again before it rejects.
 * @throws PipelineError with a sentence for each engine that cannot be there.
 */
export async function bringUpEngines(options: UpOptions): Promise<LocalEngines> {
  const { dataDir } = options;
  makeEnginesFolder(dataDir);
  const plans = planEngines(options);
  return withLock(join(dataDir, "engines.lock"), async () => {
    const known = readState(dataDir);
    const attempts = await Promise.allSettled(plans.map((plan) => bringUp(plan, known, options)));
    const brought = attempts.filter((attempt) => attempt.status === "fulfilled").map(({ value }) => value);
    const started = brought.flatMap((one) => (one.started ? [one.started] : []));
    const failures = attempts.filter((attempt) => attempt.status === "rejected");
    if (failures.length > 0) {
      await Promise.all(started.map(({ engine }) => engine.stop()));
      throw together(failures.map((failure): unknown => failure.reason));
    }
    const fresh = brought.flatMap((one) => recordOf(one, options.detached));
    const freshKeys = new Set(fresh.map(({ key }) => key));
    writeState(dataDir, [...known.filter(({ key }) => !freshKeys.has(key)), ...fresh]);
    if (options.detached) for (const { engine } of started) engine.detach();
    return {
      outcomes: brought.map(({ outcome }) => outcome),
      variables: Object.assign({}, ...brought.map(({ variables }) => variables)) as Record<string, string>,
      ended: firstToEnd(started),
      stop: () => stopStarted(dataDir, started, freshKeys),
    };
  });
}

/** Of no engines, none ever ends. */
function firstToEnd(started: readonly StartedEngine[]): Promise<string> {
  return Promise.race(
    started.map(async ({ engine }) => `${engine.name} ${await engine.exited}. Its log: ${engine.logPath}`),
  );
}

async function bringUp(
  plan: PlannedEngine,
  known: readonly EngineRecord[],
  { onProgress = progressToStderr }: UpOptions,
): Promise<Brought> {
  const describe = (how: EngineOutcome["how"], url: string, tookMs = 0): EngineOutcome => {
    return { key: plan.key, name: plan.name, how, url, variable: plan.variable, tookMs };
  };
  if (plan.given) {
    await mustAnswer(
      plan,
      plan.given,
      `${plan.variable} names it. Start it, correct ${plan.variable}, or unset it to have a local one.`,
    );
    return { outcome: describe("given", plan.given), variables: { [plan.variable]: plan.given } };
  }
  const record = known.find(({ key }) => key === plan.key);
  if (record && isAlive(record)) {
    await mustAnswer(
      plan,
      record.url,
      `Its process (pid ${record.pid}) runs. See its log, ${record.logPath}, or start anew with \`npm run engines -- down\` and \`up\`.`,
    );
    return { outcome: describe("already up", record.url), variables: record.variables };
  }
  const startedAt = performance.now();
  const started = await plan.start({ onProgress });
  const died = record !== undefined && record.owner === undefined;
  const tookMs = Math.round(performance.now() - startedAt);
  const outcome = describe(died ? "restarted" : "started", started.engine.url, tookMs);
  return { outcome, variables: started.variables, started };
}

async function mustAnswer(plan: PlannedEngine, url: string, advice: string): Promise<void> {
  const answers = await plan.answers(url).catch(() => false);
  if (answers) return;
  throw new PipelineError(
    "ENGINE_FAILED",
    "crash",
    `${plan.name} at ${withoutPassword(url)} does not answer. ${advice}`,
  );
}

/** For messages: an URL may carry a password. */
export function withoutPassword(url: string): string {
  return url.replace(/(:\/\/[^:/@]*):[^@]*@/, "$1:***@");
}

function recordOf({ outcome, variables, started }: Brought, detached: boolean): readonly EngineRecord[] {
  if (!started) return [];
  const { pid, logPath } = started.engine;
  const own = processIdentity(process.pid) ?? "";
  return [
    {
      key: outcome.key,
      name: outcome.name,
      pid,
      identity: processIdentity(pid) ?? "",
      endSignal: started.engine.endSignal,
      url: outcome.url,
      logPath,
      variables,
      ...(detached ? {} : { owner: { pid: process.pid, identity: own } }),
    },
  ];
}

async function stopStarted(
  dataDir: string,
  started: readonly StartedEngine[],
  keys: ReadonlySet<string>,
): Promise<void> {
  await Promise.all(started.map(({ engine }) => engine.stop()));
  await withLock(join(dataDir, "engines.lock"), async () => {
    const rest = readState(dataDir).filter((record) => !keys.has(record.key) || isAlive(record));
    writeState(dataDir, rest);
  });
}

function together(reasons: readonly unknown[]): unknown {
  const [first] = reasons;
  if (reasons.length === 1 || !(first instanceof PipelineError)) return first;
  const messages = reasons.map((reason) => (reason instanceof Error ? reason.message : String(reason)));
  return new PipelineError(first.code, "crash", messages.join("\n"), { cause: first });
}
