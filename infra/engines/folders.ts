import { accessSync, chmodSync, constants, mkdirSync, rmSync, statSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { PipelineError } from "@ethhook/schemas";
import { ownTempFolder } from "./watchdog.ts";

/** Where an engine keeps its data, and what to do with the folder once the engine stopped. */
export interface DataFolder {
  readonly path: string;
  discard(): void;
  /** Runs a step of the start. When it fails, nothing of ours stays on the disk. */
  discardOnError<T>(step: () => Promise<T>): Promise<T>;
}

/** The given folder, kept; or a temp folder that goes away with the engine. */
export function dataFolder(engine: string, given: string | undefined): DataFolder {
  if (given !== undefined) mkdirSync(given, { recursive: true });
  const path = given ?? ownTempFolder(engine);
  const discard = (): void => {
    if (given === undefined) rmSync(path, { recursive: true, force: true });
  };
  return {
    path,
    discard,
    async discardOnError(step) {
      try {
        return await step();
      } catch (error) {
        discard();
        throw error;
      }
    },
  };
}

/**
 * Makes the folder that holds a folder for each engine. Under root it lets others pass, because Postgres runs as another user;
 * the folders in it keep their own rights.
 */
export function makeEnginesFolder(path: string): void {
  mkdirSync(path, { recursive: true });
  if (process.getuid?.() === 0) chmodSync(path, statSync(path).mode | 0o001);
}

/** Whether this user may write into a folder: the home of `nobody`, or of many containers, does not even exist. */
export function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Downloads live here, shared by all clones of this user. `ETHHOOK_CACHE` moves it. */
export function cacheFolder(env: Readonly<Record<string, string | undefined>> = process.env): string {
  if (env["ETHHOOK_CACHE"]) return env["ETHHOOK_CACHE"];
  if (env["XDG_CACHE_HOME"]) return join(env["XDG_CACHE_HOME"], "ethhook");
  if (isWritable(homedir())) return join(homedir(), ".cache", "ethhook");
  return ownFolderInTemp("ethhook-cache");
}

/**
 * A folder of this user under the temp folder, the same one each time.
 * @throws PipelineError when somebody else made a folder of that name: what lies in it is not ours to run.
 */
export function ownFolderInTemp(name: string): string {
  const uid = process.getuid?.() ?? 0;
  const path = join(tmpdir(), `${name}-${uid}`);
  mkdirSync(path, { recursive: true, mode: 0o755 });
  if (statSync(path).uid === uid || process.getuid === undefined) return path;
  throw new PipelineError(
    "ENGINE_FAILED",
    "crash",
    `${path} belongs to another user. Remove it, or choose another folder with ETHHOOK_CACHE or TMPDIR.`,
  );
}
