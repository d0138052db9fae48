import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { discardEngineData } from "@ethhook/infra";

const prefix = "start-";

/** Folders of one session: the engines' data, gone when it ends well; the logs of the services, kept until the next one. */
export interface SessionFolder {
  readonly engines: string;
  readonly logs: string;
  /** What Node made of the services' sources: the next session starts them in half the time. */
  readonly compileCache: string;
  /** From now on nothing is removed: a message names a log, and a person will look for it. */
  keepData(): void;
  /** Removes the engines' data, unless it is to be kept. */
  discardData(): void;
}

/** Makes the folders of this process under `root`, and removes those of sessions that are over. */
export function createSessionFolder(root: string, pid: number): SessionFolder {
  mkdirSync(root, { recursive: true });
  for (const name of readdirSync(root)) {
    const owner = name.startsWith(prefix) ? Number(name.slice(prefix.length)) : Number.NaN;
    if (!Number.isInteger(owner) || isAlive(owner)) continue;
    discardEngineData(join(root, name, "engines"));
    rmSync(join(root, name), { recursive: true, force: true });
  }
  const folder = join(root, `${prefix}${pid}`);
  const engines = join(folder, "engines");
  const logs = join(folder, "logs");
  mkdirSync(engines, { recursive: true });
  mkdirSync(logs, { recursive: true });
  let kept = false;
  return {
    engines,
    logs,
    keepData: () => {
      kept = true;
    },
    compileCache: join(root, "compile-cache"),
    discardData() {
      if (kept) return;
      discardEngineData(engines);
      rmSync(engines, { recursive: true, force: true });
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, under another user.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
