import { createHash } from "node:crypto";
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { dataFolder } from "./folders.ts";
import { processIdentity, runsProgram } from "./identity.ts";
import { choosePort } from "./ports.ts";
import { withPostgres } from "./postgres-client.ts";
import { canReach, postgresHome, postgresUser, type User } from "./postgres-home.ts";
import { postgresAnswers } from "./probes.ts";
import { endedWell, engineFailed, spawnEngine, untilReady, type ProcessSpec } from "./process.ts";
import type { Engine, EngineOptions } from "./types.ts";

const role = "ethhook";

/** Settings for one machine. Durability stays as in production: commits reach the disk before they are acknowledged. */
const settings = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "200",
  shared_buffers: "64MB",
  log_min_messages: "warning",
};

/** A server that was just killed takes this long to vanish at most; one that lives longer really serves the data. */
const killedServerLimitMs = 2_000;

/** A Postgres server with the database `ethhook`, owned by `ethhook`. */
export async function startPostgres(options: EngineOptions = {}): Promise<Engine> {
  const user = postgresUser();
  const home = postgresHome(user);
  const port = await choosePort(options.port, { engine: "Postgres", variable: "POSTGRES_PORT" });
  const folder = dataFolder("postgres", options.dataDir);
  const data = postgresDataPath(folder.path, user);
  const spec = {
    name: "Postgres",
    ...(user ? { user } : {}),
    logPath: join(folder.path, "postgres.log"),
    keepsLog: options.dataDir !== undefined,
  };
  await folder.discardOnError(async () => {
    if (!existsSync(join(data, "PG_VERSION")))
      await createCluster(home, data, { ...spec, endSignal: "TERM" });
  });
  await forgetKilledServer(data);
  const engine = await spawnEngine({
    ...spec,
    command: join(home, "bin", "postgres"),
    args: [
      "-D",
      data,
      "-p",
      String(port),
      ...Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]),
    ],
    cwd: data,
    endSignal: "INT",
  });
  const url = `postgres://${role}:${role}@127.0.0.1:${port}/${role}`;
  await folder.discardOnError(async () => {
    await untilReady(engine, () => postgresAnswers(url.replace(/\/ethhook$/, "/postgres")));
    await createDatabase(url);
  });
  return {
    ...engine,
    url,
    port,
    async stop() {
      await engine.end();
      folder.discard();
    },
  };
}

/**
 * Where the cluster of data folder `folder` really is. Under root the server runs as another user, who may be unable
 * to enter the folder (a checkout in a closed home): then it is in the temp folder, under a name that `folder` decides.
 */
export function postgresDataPath(folder: string, user: User | undefined = postgresUser()): string {
  mkdirSync(folder, { recursive: true });
  if (user === undefined) return join(folder, "data");
  chownForTraversal(folder, user);
  if (canReach(folder, user)) return join(folder, "data");
  const name = createHash("sha256").update(folder).digest("hex").slice(0, 12);
  return join(tmpdir(), `ethhook-postgres-data-${name}`);
}

function chownForTraversal(folder: string, user: User): void {
  if (!existsSync(join(folder, "data"))) chownSync(folder, user.uid, user.gid);
}

/**
 * In a folder of its own that is renamed when it is whole: an interrupted start must not leave half a cluster.
 * Not synchronous, because other engines are being asked meanwhile and their answers have deadlines; and a process like
 * an engine's, so that it ends with this one.
 */
async function createCluster(
  home: string,
  data: string,
  spec: Omit<ProcessSpec, "command" | "args" | "cwd">,
) {
  const part = `${data}.part`;
  rmSync(part, { recursive: true, force: true });
  mkdirSync(part, { recursive: true, mode: 0o700 });
  if (spec.user) chownSync(part, spec.user.uid, spec.user.gid);
  const command = join(home, "bin", "initdb");
  const args = ["-D", part, "-U", role, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"];
  const initdb = await spawnEngine({ ...spec, command, args: [...args, "--no-instructions"], cwd: part });
  const how = await initdb.finished();
  if (how === endedWell) return renameSync(part, data);
  rmSync(part, { recursive: true, force: true });
  throw engineFailed(initdb, `cannot create its data in ${data}: initdb ${how}`, undefined);
}

/**
 * Removes the pid file of a server that was killed. Postgres does so itself, but takes for alive what is only not yet
 * reaped, or another program that was given the pid since.
 */
async function forgetKilledServer(data: string): Promise<void> {
  const file = join(data, "postmaster.pid");
  if (!existsSync(file)) return;
  const [pid, owner] = readFileSync(file, "utf8").split("\n");
  const isServer = (): boolean =>
    owner === data && processIdentity(Number(pid)) !== undefined && runsProgram(Number(pid), "postgres");
  const deadline = performance.now() + killedServerLimitMs;
  while (isServer() && performance.now() < deadline) await delay(50);
  if (!isServer()) rmSync(file, { force: true });
}

async function createDatabase(url: string): Promise<void> {
  await withPostgres(url.replace(/\/ethhook$/, "/postgres"), async (client) => {
    const found = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [role]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${role}`);
  });
}
