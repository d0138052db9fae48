import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { runCommand } from "./command.ts";
import { createReporter } from "./start/reporters.ts";
import { runSession } from "./start/run.ts";
import { createSessionFolder } from "./start/session-folder.ts";

const help = `
Starts Kafka, Postgres, ClickHouse and a demo chain for each of Ethereum, Arbitrum, Optimism and Base; applies migrations and
topics; runs the services as production does; sends ERC-20 transfers on each demo chain and receives their signed webhooks.
Data is thrown away at the end. Ctrl-C stops everything.

A variable that is set means "use that one", and nothing is started for it:
  KAFKA_BROKERS  DATABASE_URL  CLICKHOUSE_URL  <CHAIN>_WS_URL (ETHEREUM_WS_URL=wss://… watches the real chain)
Ports: KAFKA_PORT  POSTGRES_PORT  CLICKHOUSE_PORT  CLICKHOUSE_NATIVE_PORT  <CHAIN>_PORT
       API_PORT  INGESTOR_PORT  MATCHER_PORT  DELIVERY_PORT  (--prometheus: PROMETHEUS_PORT  LAG_PORT)

Exit code: 0 when every log that matched was delivered, 1 when not, or when something could not be started.`;

const program = new Command("npm start --")
  .description("the whole path on this machine: contract logs in, signed webhooks out")
  .option("--seconds <n>", "stop by itself after so many seconds of traffic", positive)
  .option("--json", "print one JSON object on stdout at the end, and everything else on stderr", false)
  .option("--transfers <n>", "transfers per second on each demo chain", positive, 5)
  .option("--prometheus", "run the machine's Prometheus over it, with the alerts of this repository", false)
  .addHelpText("after", help)
  .action((options: { seconds?: number; json: boolean; transfers: number; prometheus: boolean }) =>
    runCommand(() => start(options)),
  );

async function start(given: {
  seconds?: number;
  json: boolean;
  transfers: number;
  prometheus: boolean;
}): Promise<number> {
  const { env, stdout, stderr, pid } = process;
  const interrupt = new AbortController();
  const root = env["ETHHOOK_DATA"] || fileURLToPath(new URL("../.data", import.meta.url));
  let signals = 0;
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => {
      signals += 1;
      // Whoever asks three times means now; a watchdog ends what is left.
      if (signals > 2) process.exit(1);
      interrupt.abort(new Error(`Stopped by ${signal}.`));
    });
  }
  if (env["npm_lifecycle_event"]) whenOrphaned(() => interrupt.abort(new Error("npm is gone.")));
  const reporter = createReporter({ json: given.json, stdout, stderr, noColour: Boolean(env["NO_COLOR"]) });
  try {
    const { problems } = await runSession({
      env,
      folder: createSessionFolder(root, pid),
      reporter,
      seconds: given.seconds ?? null,
      transfersPerSecond: given.transfers,
      prometheus: given.prometheus,
      signal: interrupt.signal,
    });
    return problems.length === 0 ? 0 : 1;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    reporter.notice("Stopped before everything was up.");
    return 1;
  }
}

/** npm that is killed takes nobody with it: notice it, and end like on a signal. */
function whenOrphaned(callback: () => void): void {
  const { ppid } = process;
  const timer = setInterval(() => {
    if (process.ppid === ppid) return;
    clearInterval(timer);
    callback();
  }, 500);
  timer.unref();
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError("expected a number above 0");
  return value;
}

await program.parseAsync();
// Everything that was started has ended; a connection that some library still retries must not hold the terminal.
process.exit();
