import { PipelineError } from "@ethhook/schemas";
import { metricCatalogue } from "@ethhook/topology";
import { describeVariables } from "../config-help.ts";
import { type Config, loadConfig, type Variables } from "../config.ts";
import { createLogger, type Logger } from "../logger.ts";
import { collectDefaultMetrics, createMetrics, Registry } from "../metrics.ts";
import type { Service, ServiceDeps } from "../service.ts";
import { httpVariables, logVariables } from "../variables.ts";
import { startHealthServer } from "./health-server.ts";

/**
 * How often the event loop's delay is sampled; the reported delays include it. The library's 10 ms are a hundred wake-ups a
 * second, which was most of the CPU of a process that had nothing to do.
 */
const eventLoopSampleMs = 250;

/** Exit codes that a supervisor acts on. */
export const exitCodes = { clean: 0, doNotRestart: 1, restart: 75 } as const;

export interface MainDeps extends ServiceDeps {
  /** For a service that serves /metrics on its own HTTP server. */
  readonly registry: Registry;
}

export interface MainOptions<V extends Variables> {
  /** The service's name in logs and `--help`. */
  readonly name: string;
  /** The service's own variables. HTTP_HOST, HTTP_PORT and LOG_LEVEL are added unless it declares them. */
  readonly variables: V;
  /** Builds adapters and service; starts nothing. */
  readonly create: (config: Config<V>, deps: MainDeps) => Service | Promise<Service>;
  /** Default port of the health server. `none`: the service answers /healthz, /readyz and /metrics itself. */
  readonly healthPort: number | "none";
  /** All of stop() together. Default 10 000; then the process exits with 75. */
  readonly stopBudgetMs?: number;
}

/**
 * The life of a service process: parse config, start, serve health, run until a signal or a crash, stop in one budget.
 * Exits 0 after a clean stop, 1 when a restart would not help (configuration), 75 when it would.
 * A second signal exits at once. `--help` prints the variables.
 * @example await runMain({ name: "matcher", variables, healthPort: 9465, create: createMatcherProcess })
 */
export async function runMain<const V extends Variables>(options: MainOptions<V>): Promise<void> {
  const all = {
    ...logVariables,
    ...(options.healthPort === "none" ? {} : httpVariables(options.healthPort)),
    ...options.variables,
  };
  if (process.argv.includes("--help") || process.argv.includes("-h")) {
    process.stdout.write(describeVariables(options.name, all));
    return;
  }
  const loaded = readConfig(options.name, all);
  if (!loaded) return;
  const config = loaded as Config<V> & { LOG_LEVEL: string; HTTP_HOST?: string; HTTP_PORT?: number };
  const logger = createLogger({ name: options.name, level: config.LOG_LEVEL });
  const outcome = await run(options, config, logger).catch((error: unknown) => failed(logger, error));
  await new Promise<void>((resolve) => logger.flush(() => resolve()));
  process.exit(outcome);
}

function readConfig(name: string, variables: Variables): Config<Variables> | undefined {
  try {
    return loadConfig(variables, process.env);
  } catch (error) {
    if (!(error instanceof PipelineError)) throw error;
    process.stderr.write(`${error.message}\nRun with --help to see every variable of ${name}.\n`);
    process.exitCode = exitCodes.doNotRestart;
    return undefined;
  }
}

/** What only a person can put right: another start would fail in the same way. */
const forPeople: ReadonlySet<string> = new Set(["CONFIG_INVALID", "PORT_IN_USE", "SECRET_UNREADABLE"]);

function failed(logger: Logger, error: unknown): number {
  const expected = error instanceof PipelineError;
  const fields = { event: "service.failed", ...(expected ? { code: error.code } : { err: error }) };
  logger.fatal(fields, expected ? error.message : `Stopped by an unexpected error: ${String(error)}`);
  const hopeless = expected && forPeople.has(error.code);
  return hopeless ? exitCodes.doNotRestart : exitCodes.restart;
}

async function run<V extends Variables>(
  options: MainOptions<V>,
  config: Config<V> & { HTTP_HOST?: string; HTTP_PORT?: number },
  logger: Logger,
): Promise<number> {
  const registry = new Registry();
  registry.setDefaultLabels({ service: options.name });
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: eventLoopSampleMs });
  const metrics = createMetrics(metricCatalogue, registry);
  const ended = endOfProcess(logger);
  const service = await options.create(config, { logger, metrics, registry, now: Date.now });
  let started = false;
  const health =
    options.healthPort === "none"
      ? undefined
      : await startHealthServer({
          host: config.HTTP_HOST ?? "127.0.0.1",
          port: config.HTTP_PORT ?? options.healthPort,
          notReady: () => (started ? service.notReady() : ["starting"]),
          metrics: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
        });
  const crashed = service.crashed.then((error) => ({ kind: "crash", error }) as const);
  const starting = service.start().then(() => {
    started = true;
    logger.info({ event: "service.started", port: health?.port }, `${options.name} is running`);
  });
  // A failed start ends the run as a throw; a successful one leaves the race to signals and crashes.
  const first = await Promise.race([ended, crashed, starting.then(() => Promise.race([ended, crashed]))]);
  if (first.kind === "crash")
    logger.fatal({ event: "service.crashed", err: first.error }, first.error.message);
  else logger.info({ event: "service.stopping", signal: first.signal }, `${first.signal}: stopping`);
  const budgetMs = options.stopBudgetMs ?? 10_000;
  const stopped = await stopWithin(service, budgetMs, logger);
  await health?.stop();
  if (first.kind === "crash" || !stopped) return exitCodes.restart;
  logger.info({ event: "service.stopped" }, `${options.name} stopped cleanly`);
  return exitCodes.clean;
}

async function stopWithin(service: Service, budgetMs: number, logger: Logger): Promise<boolean> {
  const startedAt = Date.now();
  const { promise: late, resolve: giveUp } = Promise.withResolvers<"late">();
  const timer = setTimeout(() => giveUp("late"), budgetMs);
  const outcome = await Promise.race([
    service.stop(budgetMs).then(
      () => "done" as const,
      (error: unknown) => {
        logger.error({ event: "service.stop-failed", err: error }, "Stopping failed");
        return "failed" as const;
      },
    ),
    late,
  ]);
  clearTimeout(timer);
  if (outcome === "late") {
    logger.error(
      { event: "service.stop-late", tookMs: Date.now() - startedAt },
      `Not stopped within ${budgetMs} ms: exiting`,
    );
  }
  return outcome === "done";
}

type Ending =
  | { readonly kind: "signal"; readonly signal: string }
  | { readonly kind: "crash"; readonly error: Error };

/** The first signal or stray error. A second signal exits at once: a person who asks twice means it. */
function endOfProcess(logger: Logger): Promise<Ending> {
  const { promise, resolve } = Promise.withResolvers<Ending>();
  let signals = 0;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      signals += 1;
      if (signals > 1) process.exit(exitCodes.restart);
      resolve({ kind: "signal", signal });
    });
  }
  const stray = (kind: string) => (reason: unknown) => {
    const error = reason instanceof Error ? reason : new Error(String(reason));
    logger.fatal({ event: "process.stray-error", kind, err: error }, `${kind}: ${error.message}`);
    resolve({ kind: "crash", error });
  };
  process.on("unhandledRejection", stray("unhandledRejection"));
  process.on("uncaughtException", stray("uncaughtException"));
  return promise;
}
