import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { PipelineError } from "@ethhook/schemas";
import { dataFolder } from "./folders.ts";
import { choosePort } from "./ports.ts";
import { spawnEngine, untilReady } from "./process.ts";
import type { Engine, EngineOptions } from "./types.ts";

export interface PrometheusOptions extends EngineOptions {
  /** What to scrape: job → `host:port` of each process. */
  readonly targets: Readonly<Record<string, readonly string[]>>;
  /** Seconds between two scrapes. Default 5. */
  readonly scrapeIntervalSeconds?: number;
}

const infraFile = (path: string): string => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** The alert rules of this repository, as `infra/compose.yaml` mounts them. */
const ruleFiles = [infraFile("prometheus/rules/*.yml"), infraFile("generated/*alerts.yaml")];

/** The configuration of a Prometheus that scrapes processes of this machine. Pure text; JSON is YAML. */
export function prometheusConfig({ targets, scrapeIntervalSeconds = 5 }: PrometheusOptions): string {
  const config = {
    global: { scrape_interval: `${scrapeIntervalSeconds}s`, evaluation_interval: "15s" },
    rule_files: ruleFiles,
    scrape_configs: Object.entries(targets).map(([job, addresses]) => ({
      job_name: job,
      static_configs: [{ targets: addresses }],
    })),
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** @throws PipelineError `ENGINE_MISSING` when there is no `prometheus` on PATH: to be asked before anything is started. */
export function requirePrometheus(): void {
  if (!spawnSync("prometheus", ["--version"], { stdio: "ignore" }).error) return;
  throw new PipelineError(
    "ENGINE_MISSING",
    "crash",
    "There is no `prometheus` on PATH. Install it (Debian, Ubuntu: `apt install prometheus`; macOS: `brew install prometheus`), or start without --prometheus: every service answers /metrics all the same.",
  );
}

/**
 * A real Prometheus with the alert rules of this repository, from the machine's own package.
 * @throws PipelineError `ENGINE_MISSING` when there is no `prometheus` on PATH.
 */
export async function startPrometheus(options: PrometheusOptions): Promise<Engine> {
  requirePrometheus();
  const port = await choosePort(options.port, { engine: "Prometheus", variable: "PROMETHEUS_PORT" });
  const folder = dataFolder("prometheus", options.dataDir);
  const config = join(folder.path, "prometheus.yml");
  writeFileSync(config, prometheusConfig(options));
  const engine = await spawnEngine({
    name: "Prometheus",
    command: "prometheus",
    args: [
      `--config.file=${config}`,
      `--storage.tsdb.path=${join(folder.path, "data")}`,
      "--storage.tsdb.retention.time=1d",
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    logPath: join(folder.path, "prometheus.log"),
    keepsLog: options.dataDir !== undefined,
    endSignal: "TERM",
  });
  const url = `http://127.0.0.1:${port}`;
  await folder.discardOnError(() =>
    untilReady(
      engine,
      async () => (await fetch(`${url}/-/ready`, { signal: AbortSignal.timeout(2_000) })).ok,
    ),
  );
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
