import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { dataFolder } from "./folders.ts";
import { platformPackage } from "./platform.ts";
import { choosePort } from "./ports.ts";
import { clickHouseAnswers } from "./probes.ts";
import { spawnEngine, untilReady } from "./process.ts";
import type { Engine, EngineOptions } from "./types.ts";

export interface ClickHouseOptions extends EngineOptions {
  /** Port of the native protocol; 0 or absent: a free one. */
  readonly nativePort?: number;
  /** A server's configuration, with the `config.d` beside it and the users it names. Default: ours, for a machine of one's own. */
  readonly configFile?: string;
  /** What the configuration reads `from_env`. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface ClickHouseEngine extends Engine {
  readonly nativePort: number;
}

/** Opens the ports, then sleeps for ever: the process serves as long as this query runs. */
const serveForEver = [
  "SYSTEM START LISTEN HTTP",
  "SYSTEM START LISTEN TCP",
  "SELECT sleepEachRow(1) FROM system.numbers FORMAT Null SETTINGS function_sleep_max_microseconds_per_block=10000000000000, max_block_size=1",
].join("; ");

const ownConfig = fileURLToPath(new URL("../clickhouse/config.d/ethhook.xml", import.meta.url));

/**
 * A ClickHouse server (HTTP and native) from the `chdb` library. Without a configuration that names users it has one: `default`, with no
 * password.
 */
export async function startClickHouse(options: ClickHouseOptions = {}): Promise<ClickHouseEngine> {
  const libc = process.platform === "linux" ? "-gnu" : "";
  const library = join(
    platformPackage("ClickHouse", `@chdb/lib-${process.platform}-${process.arch}${libc}`),
    "libchdb.so",
  );
  const port = await choosePort(options.port, { engine: "ClickHouse", variable: "CLICKHOUSE_PORT" });
  const nativePort = await choosePort(options.nativePort, {
    engine: "ClickHouse (native protocol)",
    variable: "CLICKHOUSE_NATIVE_PORT",
  });
  const folder = dataFolder("clickhouse", options.dataDir);
  const data = join(folder.path, "data");
  mkdirSync(data, { recursive: true });
  const engine = await spawnEngine({
    name: "ClickHouse",
    command: process.execPath,
    args: [
      "--disable-warning=ExperimentalWarning",
      fileURLToPath(new URL("clickhouse-process.ts", import.meta.url)),
      library,
      `--config-file=${options.configFile ?? ownConfig}`,
      `--path=${data}`,
      `--http_port=${port}`,
      `--tcp_port=${nativePort}`,
      "--listen_host=127.0.0.1",
      "--query",
      serveForEver,
    ],
    logPath: join(folder.path, "clickhouse.log"),
    keepsLog: options.dataDir !== undefined,
    endSignal: "TERM",
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  const url = `http://127.0.0.1:${port}`;
  await folder.discardOnError(() => untilReady(engine, () => clickHouseAnswers(url)));
  return {
    ...engine,
    url,
    port,
    nativePort,
    async stop() {
      await engine.end();
      folder.discard();
    },
  };
}
