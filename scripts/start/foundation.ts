import { randomBytes } from "node:crypto";
import { bringUpEngines, endAllEngines, requirePrometheus, type LocalEngines } from "@ethhook/infra";
import { chainVariables, createKafka, createLogger, loadConfig, type KafkaClient } from "@ethhook/kit";
import { PipelineError } from "@ethhook/schemas";
import { createTopology, type Topology } from "@ethhook/topology";
import { migrateClickHouse } from "../migrate/clickhouse.ts";
import { migratePostgres } from "../migrate/postgres.ts";
import { applyTopology } from "../topology/broker.ts";
import { raceAbort } from "./abort.ts";
import { chainVariable, sessionChains, type SessionChain } from "./chains.ts";
import { monitoringPorts } from "./monitoring.ts";
import { servicePorts } from "./pipeline.ts";
import { choosePorts, enginePorts, type PortWish } from "./ports.ts";
import { reachOf } from "./reach.ts";
import type { Reporter } from "./reporter.ts";
import type { SessionFolder } from "./session-folder.ts";

type Env = Readonly<Record<string, string | undefined>>;

export interface FoundationOptions {
  readonly env: Env;
  readonly folder: SessionFolder;
  readonly reporter: Reporter;
  /** Whether a Prometheus is wanted too. */
  readonly prometheus?: boolean;
  /** Aborted when the session must end, whatever it is doing. */
  readonly signal: AbortSignal;
}

/** What the services stand on: engines that answer, with topics and tables in them. */
export interface Foundation {
  readonly chains: readonly SessionChain[];
  readonly topology: Topology;
  readonly engines: LocalEngines;
  /** What every service of this session is told by its environment. */
  readonly settings: Settings;
  /** Of the services, by variable. */
  readonly ports: Readonly<Record<string, number>>;
  readonly kafka: KafkaClient;
}

/** The settings that this session itself needs to know. */
export interface Settings extends Env {
  readonly KAFKA_BROKERS: string;
  readonly DATABASE_URL: string;
  readonly CLICKHOUSE_URL: string;
  readonly CLICKHOUSE_DATABASE: string;
  readonly SECRETS_KEY: string;
  readonly ADMIN_KEY: string;
}

/** Blocks of a demo chain, in seconds. */
export const blockTimeSeconds = 1;
const firstNodePort = 8545;

/** Brings the engines up and prepares them. What is started is put on `stack`, to be ended in the opposite order. */
export async function layFoundation(
  options: FoundationOptions,
  stack: AsyncDisposableStack,
): Promise<Foundation> {
  const { env, folder, reporter, signal } = options;
  const chains = sessionChains(loadConfig(chainVariables, env).CHAINS_EXTRA, env);
  const topology = createTopology(chains.map(({ chain }) => chain));
  if (options.prometheus) requirePrometheus();
  const wishes = [...portWishes(chains, env), ...(options.prometheus ? monitoringPorts : [])];
  const ports = await choosePorts(wishes, env, reporter.notice);
  reporter.step(`Starting ${namesOfEngines(chains, env)} …`);
  stack.defer(() => folder.discardData());
  stack.defer(endAllEngines);
  const bringingUp = bringUpEngines({
    env: { ...env, ...Object.fromEntries(Object.entries(ports).map(([name, port]) => [name, String(port)])) },
    dataDir: folder.engines,
    detached: false,
    chains: chains.map(({ chain }) => chain),
    blockTimeSeconds,
    nodeArgs: ["--slots-in-an-epoch=1"],
    onProgress: reporter.step,
  });
  const engines = await raceAbort(bringingUp, signal);
  const settings = settingsOf(env, engines);
  const reach = reachOf(settings, env);
  if (reach !== null) reporter.notice(`From another terminal, npm run lag, replay and audit need ${reach}`);
  const kafka = createKafka({
    brokers: settings.KAFKA_BROKERS.split(","),
    clientId: "start",
    logger: createLogger({ name: "start", level: "silent" }),
  });
  reporter.step("Applying the topology and the migrations …");
  await raceAbort(prepare(settings, kafka, topology), signal);
  await raceAbort(refuseForeignLedger(kafka, topology, chains), signal);
  return { chains, topology, engines, settings, ports, kafka };
}

function settingsOf(env: Env, { variables }: LocalEngines): Settings {
  return {
    ...env,
    ...variables,
    KAFKA_BROKERS: variables["KAFKA_BROKERS"] ?? "",
    DATABASE_URL: variables["DATABASE_URL"] ?? "",
    CLICKHOUSE_URL: variables["CLICKHOUSE_URL"] ?? "",
    CLICKHOUSE_DATABASE: env["CLICKHOUSE_DATABASE"] || "ethhook",
    SECRETS_KEY: env["SECRETS_KEY"] || randomBytes(32).toString("base64"),
    ADMIN_KEY: env["ADMIN_KEY"] || randomBytes(24).toString("hex"),
    // The demo receiver listens on this machine.
    ALLOW_PRIVATE_ADDRESSES: "true",
  };
}

/** Topics before ClickHouse, which reads them as soon as its tables are made. */
async function prepare(settings: Settings, kafka: KafkaClient, topology: Topology): Promise<void> {
  const admin = kafka.admin();
  try {
    await Promise.all([migratePostgres(settings.DATABASE_URL), applyTopology(admin, topology)]);
  } finally {
    await admin.close();
  }
  await migrateClickHouse({
    url: settings.CLICKHOUSE_URL,
    database: settings.CLICKHOUSE_DATABASE,
    brokers: settings.KAFKA_BROKERS.split(","),
    chains: topology.chains,
  });
}

/**
 * A demo chain begins at its genesis. Under the ledger of another chain, it would be a reorg of everything.
 * @throws PipelineError `CONFIG_INVALID` when the broker, one that was given, knows a chain of that name.
 */
async function refuseForeignLedger(
  kafka: KafkaClient,
  topology: Topology,
  chains: readonly SessionChain[],
): Promise<void> {
  for (const { chain, source } of chains) {
    if (source === "given") continue;
    const tail = await kafka.readTail({ topic: topology.blocks.name, partition: chain.ledgerPartition }, 1);
    if (tail.length === 0) continue;
    throw new PipelineError(
      "CONFIG_INVALID",
      "crash",
      `The broker of KAFKA_BROKERS already holds a ledger of ${chain.name}, and a new demo chain would contradict it. ` +
        `Name that chain's provider with ${chainVariable(chain, "WS_URL")}, or give a broker without EthHook's topics.`,
    );
  }
}

/** Ports of what this session starts; what is given has its own. */
function portWishes(chains: readonly SessionChain[], env: Env): readonly PortWish[] {
  const nodes = chains
    .map(({ chain, source }, index) => ({
      name: `the ${chain.name} node`,
      variable: chainVariable(chain, "PORT"),
      usual: firstNodePort + index,
      source,
    }))
    .filter(({ source }) => source === "demo");
  const services = Object.entries(servicePorts).map(([name, port]) => ({ name: `the ${name}`, ...port }));
  return [...enginePorts.filter(({ unless }) => !env[unless]), ...nodes, ...services];
}

function namesOfEngines(chains: readonly SessionChain[], env: Env): string {
  const local = enginePorts.filter(({ unless }) => !env[unless]).map(({ engine }) => engine);
  const demos = chains.filter(({ source }) => source === "demo").length;
  const all = [...new Set(local), ...(demos > 0 ? [`${demos} demo chain${demos === 1 ? "" : "s"}`] : [])];
  return all.length === 0 ? "nothing: every engine is given" : all.join(", ");
}
