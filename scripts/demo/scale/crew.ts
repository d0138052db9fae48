import { anyFreePort } from "@ethhook/infra";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startServiceProcess, type ServiceProcess } from "../../start/service-process.ts";
import type { CpuShare } from "./cpu-share.ts";
import type { Share } from "./spread.ts";

export interface CrewOptions {
  readonly service: "matcher" | "delivery";
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logsFolder: string;
  /** Holds its processes back; null lets them run freely. */
  readonly cpuShare: CpuShare | null;
  readonly onNotice: (sentence: string) => void;
  /** A process ended though nobody asked it to. */
  readonly onDeath: (sentence: string) => void;
}

/** The processes of one service: members of its consumer group. */
export interface Crew {
  size(): number;
  /** Starts so many more, and resolves when they are ready. */
  add(count: number): Promise<void>;
  /** SIGKILL to the newest. @returns its name. */
  killOne(): Promise<string>;
  /** Which partitions of `topic` each process says it was assigned last. */
  shares(topic: string): readonly Share[];
  stopAll(): Promise<void>;
}

const readyWithinMs = 30_000;
const assigned = '"event":"consumer.assigned"';

export function createCrew(options: CrewOptions): Crew {
  const { service, env, logsFolder, cpuShare } = options;
  const members: ServiceProcess[] = [];
  let hired = 0;

  async function start(): Promise<void> {
    hired += 1;
    const number = hired;
    const name = `${service} ${number}`;
    const logPath = join(logsFolder, `${service}-${number}.log`);
    const port = await anyFreePort();
    const member = startServiceProcess({
      name,
      mainPath: fileURLToPath(new URL(`../../../services/${service}/src/main.ts`, import.meta.url)),
      // What it was assigned is told at this level.
      env: { ...env, HTTP_HOST: "127.0.0.1", HTTP_PORT: String(port), LOG_LEVEL: "info" },
      url: `http://127.0.0.1:${port}`,
      logPath,
      onNotice: options.onNotice,
    });
    members.push(member);
    void member.died.then(options.onDeath);
    await member.ready(readyWithinMs);
    // Not before: on a busy machine, a process that is held back from its start might never get ready.
    const pid = member.pid();
    if (pid !== undefined) cpuShare?.limit(pid);
  }

  function lift(member: ServiceProcess): void {
    const pid = member.pid();
    if (pid !== undefined) cpuShare?.lift(pid);
  }

  return {
    size: () => members.length,
    async add(count) {
      await Promise.all(Array.from({ length: count }, start));
    },
    async killOne() {
      const member = members.pop();
      if (member === undefined) throw new Error(`no ${service} is left to be killed`);
      lift(member);
      await member.kill();
      return member.name;
    },
    shares: (topic) =>
      members.map(({ name, logPath }) => ({
        name,
        partitions: lastAssignment(readLog(logPath))[topic] ?? [],
      })),
    async stopAll() {
      for (const member of members) lift(member);
      await Promise.all(members.map((member) => member.stop()));
    },
  };
}

/** Partitions by topic, from the last line of a service's log that tells of an assignment. */
function lastAssignment(log: string): Readonly<Record<string, readonly number[]>> {
  const line = log.split("\n").findLast((text) => text.includes(assigned));
  if (line === undefined) return {};
  return (JSON.parse(line) as { partitions: Record<string, number[]> }).partitions;
}

function readLog(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
