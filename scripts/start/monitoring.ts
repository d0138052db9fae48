import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startPrometheus } from "@ethhook/infra";
import type { Foundation } from "./foundation.ts";
import { servicePorts } from "./pipeline.ts";
import type { PortWish } from "./ports.ts";
import { startServiceProcess } from "./service-process.ts";
import type { SessionFolder } from "./session-folder.ts";

const lag = { name: "the lag's metrics", variable: "LAG_PORT", usual: 9467 };
const prometheus = { name: "Prometheus", variable: "PROMETHEUS_PORT", usual: 9090 };

/** What `--prometheus` listens on. */
export const monitoringPorts: readonly PortWish[] = [lag, prometheus];

const readyDeadlineMs = 30_000;

/**
 * A real Prometheus over the services and the lag of this session, with the alerts of the repository.
 * What is started is put on `stack`.
 * @returns where it answers.
 */
export async function startMonitoring(
  { settings, ports }: Foundation,
  folder: SessionFolder,
  onNotice: (sentence: string) => void,
  stack: AsyncDisposableStack,
): Promise<string> {
  const addressOf = ({ variable, usual }: { variable: string; usual: number }): string =>
    `127.0.0.1:${ports[variable] ?? usual}`;
  const lagProcess = startServiceProcess({
    name: "lag",
    mainPath: fileURLToPath(new URL("../lag.ts", import.meta.url)),
    args: ["--serve", String(ports[lag.variable] ?? lag.usual)],
    env: { ...settings, HTTP_HOST: "127.0.0.1" },
    url: `http://${addressOf(lag)}`,
    logPath: join(folder.logs, "lag.log"),
    onNotice,
  });
  stack.defer(() => lagProcess.stop());
  await lagProcess.ready(readyDeadlineMs);
  const services = Object.entries(servicePorts).map(([name, port]) => [name, [addressOf(port)]] as const);
  const engine = await startPrometheus({
    dataDir: join(folder.engines, "prometheus"),
    port: ports[prometheus.variable] ?? prometheus.usual,
    targets: { ...Object.fromEntries(services), lag: [addressOf(lag)] },
  });
  stack.defer(() => engine.stop());
  return engine.url;
}
