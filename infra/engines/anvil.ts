import { copyFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { dataFolder } from "./folders.ts";
import { platformPackage } from "./platform.ts";
import { choosePort } from "./ports.ts";
import { answersAs } from "./probes.ts";
import { spawnEngine, untilReady } from "./process.ts";
import type { Engine, EngineOptions } from "./types.ts";

export interface AnvilOptions extends EngineOptions {
  readonly chainId: number;
  /** As a person calls it. */
  readonly name?: string;
  /** Seconds between blocks; absent: a block for each transaction, and when `anvil_mine` asks for one. */
  readonly blockTimeSeconds?: number;
  /** The variable that a person sets to move this node, named when the port is taken. */
  readonly portVariable?: string;
  /** More command-line arguments of anvil. */
  readonly args?: readonly string[];
}

export interface AnvilEngine extends Engine {
  readonly chainId: number;
  readonly httpUrl: string;
  readonly wsUrl: string;
}

/** A node that is killed comes back at most this much older: a reorg that an ingestor's window covers. */
const saveIntervalSeconds = 30;

/**
 * An EVM node of its own chain: JSON-RPC over HTTP and WebSocket on one port, ten rich unlocked accounts.
 * With a `dataDir` the chain goes on where it stopped.
 */
export async function startAnvil(options: AnvilOptions): Promise<AnvilEngine> {
  const arch = process.arch === "x64" ? "amd64" : process.arch;
  const binary = join(
    platformPackage("anvil", `@foundry-rs/anvil-${process.platform}-${arch}`),
    "bin",
    "anvil",
  );
  const name = options.name ?? `node of chain ${options.chainId}`;
  const port = await choosePort(options.port, {
    engine: name,
    variable: options.portVariable ?? "ANVIL_PORT",
  });
  const folder = dataFolder(`anvil-${options.chainId}`, options.dataDir);
  const state = options.dataDir === undefined ? [] : keptState(options.dataDir);
  const engine = await spawnEngine({
    name,
    command: binary,
    args: [
      "--host=127.0.0.1",
      `--port=${port}`,
      `--chain-id=${options.chainId}`,
      ...(options.blockTimeSeconds === undefined ? [] : [`--block-time=${options.blockTimeSeconds}`]),
      ...state,
      ...(options.args ?? []),
    ],
    logPath: join(folder.path, "anvil.log"),
    keepsLog: options.dataDir !== undefined,
    endSignal: "TERM",
  });
  const httpUrl = `http://127.0.0.1:${port}`;
  await folder.discardOnError(() => untilReady(engine, () => answersAs(httpUrl, options.chainId)));
  const wsUrl = `ws://127.0.0.1:${port}`;
  return {
    ...engine,
    chainId: options.chainId,
    url: wsUrl,
    wsUrl,
    httpUrl,
    port,
    async stop() {
      await engine.end();
      folder.discard();
    },
  };
}

function isWhole(path: string): boolean {
  try {
    JSON.parse(readFileSync(path, "utf8"));
    return true;
  } catch {
    return false;
  }
}

/** anvil writes its state in place: killed while writing, it leaves half a file. So the last whole one is kept beside it. */
function keptState(dataDir: string): readonly string[] {
  const path = join(dataDir, "state.json");
  const whole = join(dataDir, "state.whole.json");
  if (isWhole(path)) copyFileSync(path, whole);
  else if (existsSync(whole)) copyFileSync(whole, path);
  else rmSync(path, { force: true });
  return [`--state=${path}`, `--state-interval=${saveIntervalSeconds}`];
}
