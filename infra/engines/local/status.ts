import { errorLines } from "../last-words.ts";
import { planEngines, type PlanOptions, type PlannedEngine } from "./plan.ts";
import { isAlive, readState, type EngineRecord } from "./state.ts";
import { withoutPassword } from "./up.ts";

export interface EngineStatus {
  readonly key: string;
  readonly name: string;
  readonly state: "up" | "given" | "down" | "died" | "silent";
  /** The same in a sentence, with what to do where something is wrong. */
  readonly says: string;
  readonly url?: string;
  readonly pid?: number;
}

/** What is true of each engine now: asked, not remembered. */
export async function statusOfEngines(options: PlanOptions): Promise<readonly EngineStatus[]> {
  const known = readState(options.dataDir);
  return Promise.all(planEngines(options).map((plan) => statusOf(plan, known)));
}

async function statusOf(plan: PlannedEngine, known: readonly EngineRecord[]): Promise<EngineStatus> {
  const { key, name } = plan;
  const answers = (url: string): Promise<boolean> => plan.answers(url).catch(() => false);
  if (plan.given) {
    const shown = withoutPassword(plan.given);
    const up = await answers(plan.given);
    const says = up
      ? `given by ${plan.variable}: ${shown}`
      : `given by ${plan.variable}, but ${shown} does not answer. Start it, correct ${plan.variable}, or unset it to have a local one.`;
    return { key, name, state: up ? "given" : "silent", says, url: shown };
  }
  const record = known.find((one) => one.key === key);
  const ended = record?.owner !== undefined && !isAlive(record);
  if (!record || ended) return { key, name, state: "down", says: "not running" };
  const { pid, url } = record;
  if (!isAlive(record)) {
    const words = errorLines(record.logPath).at(-1);
    const log = words ? `Its log (${record.logPath}) ends: ${words}` : `Its log: ${record.logPath}`;
    const says = `died (pid ${pid}). Start it again with \`npm run engines -- up\`; its data is kept. ${log}`;
    return { key, name, state: "died", says, url, pid };
  }
  if (await answers(url)) {
    const owner = record.owner ? `, belongs to the command with pid ${record.owner.pid}` : "";
    return { key, name, state: "up", says: `up at ${url} (pid ${pid}${owner})`, url, pid };
  }
  const says = `runs (pid ${pid}) but does not answer at ${url}. See ${record.logPath}, or start anew with \`npm run engines -- down\` and \`up\`.`;
  return { key, name, state: "silent", says, url, pid };
}
