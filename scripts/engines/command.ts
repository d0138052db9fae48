import { fileURLToPath } from "node:url";
import {
  bringUpEngines,
  endAllEngines,
  resetEngines,
  statusOfEngines,
  takeDownEngines,
  withoutPassword,
  type EngineOutcome,
} from "@ethhook/infra";
import { PipelineError } from "@ethhook/schemas";
import { Command } from "commander";

type Env = Readonly<Record<string, string | undefined>>;

const help = `
Engines: Kafka, Postgres, ClickHouse and a node for each chain, as processes of this machine.
A variable that is set means "use that one": nothing is started for it.
  KAFKA_BROKERS  DATABASE_URL  CLICKHOUSE_URL  <CHAIN>_WS_URL (ETHEREUM_WS_URL, …)
Ports: KAFKA_PORT (9092)  POSTGRES_PORT (5432)  CLICKHOUSE_PORT (8123)  CLICKHOUSE_NATIVE_PORT (9000)
  ETHEREUM_PORT, ARBITRUM_PORT, OPTIMISM_PORT, BASE_PORT (8545 to 8548). 0: any free one.
Folders: ETHHOOK_DATA (.data) holds the data and logs, ETHHOOK_CACHE (~/.cache/ethhook) the downloads.`;

/** `npm run engines`: exit 0 done, 1 not possible or not well. */
export function createEnginesCommand(env: Env): Command {
  const dataDir = env["ETHHOOK_DATA"] || fileURLToPath(new URL("../../.data", import.meta.url));
  const program = new Command("npm run engines --")
    .description("the local engines")
    .addHelpText("after", help);
  program
    .command("up")
    .description("start what is not running; the engines stay until `down`")
    .action(() => guarded(() => up(env, dataDir)));
  program
    .command("status")
    .description("ask each engine; exit 1 unless all answer")
    .option("--json", "one JSON object on stdout")
    .action((options: { json?: boolean }) => guarded(() => status(env, dataDir, options.json === true)));
  program
    .command("down")
    .description("stop the engines; their data stays")
    .action(() => guarded(async () => sayStopped(await takeDownEngines(dataDir))));
  program
    .command("reset")
    .description("stop the engines and delete their data (never that of a given server)")
    .action(() =>
      guarded(async () => {
        sayStopped(await resetEngines(dataDir));
        say(`Deleted the engines' data in ${dataDir}.`);
      }),
    );
  return program;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function up(env: Env, dataDir: string): Promise<void> {
  let interrupted = false;
  const interrupt = (signal: NodeJS.Signals): void => {
    if (interrupted) return;
    interrupted = true;
    process.stderr.write("Interrupted: stopping what was being started …\n");
    void endAllEngines().then(() => process.exit(signal === "SIGINT" ? 130 : 143));
  };
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  const { outcomes, variables } = await bringUpEngines({ env, dataDir, detached: true }).catch(
    (error: unknown) =>
      // An engine that we are ending fails to start; that is not news. The handler above exits.
      interrupted ? new Promise<never>(() => {}) : Promise.reject(error),
  );
  for (const outcome of outcomes) say(`${outcome.name.padEnd(14)} ${describe(outcome)}`);
  if (!Object.keys(env).some((name) => /^[A-Z_]+_PORT$/.test(name) && env[name])) return;
  say("\nNot all on their usual ports, so other programs need to be told:");
  for (const [name, value] of Object.entries(variables)) say(`  export ${name}=${value}`);
}

function describe({ how, url, variable, tookMs }: EngineOutcome): string {
  switch (how) {
    case "given":
      return `given by ${variable}: ${withoutPassword(url)}`;
    case "already up":
      return `already up at ${url}`;
    case "started":
      return `up at ${url} after ${(tookMs / 1000).toFixed(1)} s`;
    case "restarted":
      return `had died; up again at ${url} after ${(tookMs / 1000).toFixed(1)} s`;
  }
}

async function status(env: Env, dataDir: string, json: boolean): Promise<void> {
  const engines = await statusOfEngines({ env, dataDir });
  if (json) say(JSON.stringify({ engines }, null, 2));
  else for (const { name, says } of engines) say(`${name.padEnd(14)} ${says}`);
  const unwell = engines.filter(({ state }) => state !== "up" && state !== "given");
  if (unwell.length > 0) process.exitCode = 1;
  const allDown = unwell.length > 0 && unwell.every(({ state }) => state === "down");
  if (allDown && !json) say("\nStart them with `npm run engines -- up`.");
}

function sayStopped(stopped: readonly { readonly name: string }[]): void {
  say(
    stopped.length > 0 ? `Stopped ${stopped.map(({ name }) => name).join(", ")}.` : "No engine was running.",
  );
}

/** Expected failures end in their sentence, not in a stack trace. */
async function guarded(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (error instanceof PipelineError) process.stderr.write(`${error.message}\n`);
    else if (error instanceof Error && (code === "EACCES" || code === "EPERM"))
      process.stderr.write(
        `${error.message}. The folder belongs to another user (was it made by root?): change its owner, or choose others with ETHHOOK_DATA and ETHHOOK_CACHE.\n`,
      );
    else throw error;
    process.exitCode = 1;
  }
}
