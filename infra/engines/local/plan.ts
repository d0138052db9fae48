import { join } from "node:path";
import { PipelineError } from "@ethhook/schemas";
import { builtInChains, type Chain } from "@ethhook/topology";
import { startAnvil } from "../anvil.ts";
import { startClickHouse } from "../clickhouse.ts";
import { startKafka } from "../kafka/kafka.ts";
import { startPostgres } from "../postgres.ts";
import { answersAs, clickHouseAnswers, kafkaAnswers, postgresAnswers } from "../probes.ts";
import type { Engine, EngineOptions } from "../types.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** One engine that EthHook needs on this machine: how to start it, and how to tell whether one answers. */
export interface PlannedEngine {
  /** Stable: the folder of its data and its name in the state file. */
  readonly key: string;
  /** As a person calls it. */
  readonly name: string;
  /** The variable that points at a server elsewhere; when it is set, nothing is started. */
  readonly variable: string;
  readonly given: string | undefined;
  start(options: Pick<EngineOptions, "onProgress">): Promise<StartedEngine>;
  /** Rejects or resolves with false when the server at `url` is not in service. */
  answers(url: string): Promise<boolean>;
}

export interface StartedEngine {
  readonly engine: Engine;
  /** How the rest of EthHook finds it: environment variables. */
  readonly variables: Readonly<Record<string, string>>;
}

export interface PlanOptions {
  readonly env: Env;
  /** Holds a folder for each engine. */
  readonly dataDir: string;
  readonly chains?: readonly Chain[];
  /** Seconds between the blocks of a demo chain. */
  readonly blockTimeSeconds?: number;
  /** More arguments of a demo chain's node. */
  readonly nodeArgs?: readonly string[];
}

const firstNodePort = 8545;

/**
 * Every engine that the pipeline needs, as the environment wants it.
 * @throws PipelineError `CONFIG_INVALID` that names every port variable that is wrong.
 */
export function planEngines(options: PlanOptions): readonly PlannedEngine[] {
  const { env, dataDir, chains = builtInChains } = options;
  const ports = readPorts(env, chains);
  const folder = (key: string, port: string): { dataDir: string; port: number } => ({
    dataDir: join(dataDir, key),
    port: ports[port] ?? 0,
  });
  return [
    {
      key: "kafka",
      name: "Kafka",
      variable: "KAFKA_BROKERS",
      given: env["KAFKA_BROKERS"],
      answers: kafkaAnswers,
      async start(extra) {
        const engine = await startKafka({ ...folder("kafka", "KAFKA_PORT"), ...extra });
        return { engine, variables: { KAFKA_BROKERS: engine.url } };
      },
    },
    {
      key: "postgres",
      name: "Postgres",
      variable: "DATABASE_URL",
      given: env["DATABASE_URL"],
      answers: postgresAnswers,
      async start(extra) {
        const engine = await startPostgres({ ...folder("postgres", "POSTGRES_PORT"), ...extra });
        return { engine, variables: { DATABASE_URL: engine.url } };
      },
    },
    {
      key: "clickhouse",
      name: "ClickHouse",
      variable: "CLICKHOUSE_URL",
      given: env["CLICKHOUSE_URL"],
      answers: clickHouseAnswers,
      async start(extra) {
        const nativePort = ports["CLICKHOUSE_NATIVE_PORT"] ?? 0;
        const engine = await startClickHouse({
          ...folder("clickhouse", "CLICKHOUSE_PORT"),
          nativePort,
          ...extra,
        });
        return { engine, variables: { CLICKHOUSE_URL: engine.url } };
      },
    },
    ...chains.map((chain) => planNode(chain, options, folder)),
  ];
}

function planNode(
  chain: Chain,
  { env, blockTimeSeconds = 1, nodeArgs = [] }: PlanOptions,
  folder: (key: string, port: string) => { dataDir: string; port: number },
): PlannedEngine {
  const prefix = variablePrefix(chain);
  const key = `node-${chain.name}`;
  return {
    key,
    name: `${chain.name} node`,
    variable: `${prefix}_WS_URL`,
    given: env[`${prefix}_WS_URL`],
    answers: async (urls) => Promise.any(urls.split(",").map((url) => answersAs(url.trim(), chain.id))),
    async start(extra) {
      const engine = await startAnvil({
        ...folder(key, `${prefix}_PORT`),
        chainId: chain.id,
        name: `${chain.name} node`,
        portVariable: `${prefix}_PORT`,
        blockTimeSeconds,
        args: nodeArgs,
        ...extra,
      });
      return {
        engine,
        variables: { [`${prefix}_WS_URL`]: engine.wsUrl, [`${prefix}_HTTP_URL`]: engine.httpUrl },
      };
    },
  };
}

function variablePrefix(chain: Chain): string {
  return chain.name.toUpperCase().replaceAll("-", "_");
}

function readPorts(env: Env, chains: readonly Chain[]): Readonly<Record<string, number>> {
  const defaults: Readonly<Record<string, number>> = {
    KAFKA_PORT: 9092,
    POSTGRES_PORT: 5432,
    CLICKHOUSE_PORT: 8123,
    CLICKHOUSE_NATIVE_PORT: 9000,
    ...Object.fromEntries(
      chains.map((chain, index) => [`${variablePrefix(chain)}_PORT`, firstNodePort + index]),
    ),
  };
  const problems: string[] = [];
  const entries = Object.entries(defaults).map(([variable, fallback]) => {
    const text = env[variable];
    if (!text) return [variable, fallback] as const;
    if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535)
      problems.push(
        `${variable}=${JSON.stringify(text)}: a port is a whole number up to 65535 (0: any free one)`,
      );
    return [variable, Number(text)] as const;
  });
  if (problems.length > 0)
    throw new PipelineError(
      "CONFIG_INVALID",
      "crash",
      `Configuration is wrong:\n  - ${problems.join("\n  - ")}`,
    );
  return Object.fromEntries(entries);
}
