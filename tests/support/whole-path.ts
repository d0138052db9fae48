import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { anyFreePort, type KafkaCluster, startEngines, startKafkaCluster } from "@ethhook/infra";
import type { KafkaClient } from "@ethhook/kit";
import { createApiClient, type ApiClient } from "@ethhook/scripts/api-client";
import { migrateClickHouse, migratePostgres } from "@ethhook/scripts/migrate";
import { startServiceProcess, type ServiceProcess } from "@ethhook/scripts/service-process";
import { applyTopology } from "@ethhook/scripts/topology";
import { builtInChains, createTopology, type Topology } from "@ethhook/topology";
import { testKafka } from "./kafka.ts";

/** Kafka, Postgres and ClickHouse with topics and tables in them, and services to be started on them as processes. */
export interface WholePath {
  readonly kafka: KafkaClient;
  readonly topology: Topology;
  /** Its brokers, if there are several. */
  readonly cluster: KafkaCluster | undefined;
  /** Where its engines are: what a command of this project needs in its environment. */
  readonly urls: EngineUrls;
  /** Sentences of services that ended although nobody asked them to. */
  readonly notices: readonly string[];
  /** Starts a service with further settings, and resolves when it is ready. */
  start(
    name: "api" | "ingestor" | "matcher" | "delivery",
    env?: Record<string, string>,
  ): Promise<ServiceProcess>;
  /** A new user's view of the API. */
  newUser(api: ServiceProcess): Promise<ApiClient>;
  stop(): Promise<void>;
}

const readyWithinMs = 30_000;

export async function startWholePath({ brokers = 1 } = {}): Promise<WholePath> {
  const stack = new AsyncDisposableStack();
  const logs = mkdtempSync(join(tmpdir(), "ethhook-e2e-"));
  stack.defer(() => rmSync(logs, { recursive: true, force: true }));
  try {
    const cluster = brokers > 1 ? await startKafkaCluster(brokers) : undefined;
    if (cluster) stack.defer(() => cluster.stop());
    const engines = await startEngines({ kafka: !cluster, postgres: true, clickhouse: true });
    stack.defer(() => engines.stop());
    const urls = {
      KAFKA_BROKERS: cluster?.brokers.join() ?? engines.kafka?.url ?? "",
      DATABASE_URL: engines.postgres?.url ?? "",
      CLICKHOUSE_URL: engines.clickhouse?.url ?? "",
    };
    return { ...(await prepare(stack, logs, urls)), cluster };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

export type EngineUrls = Readonly<Record<"KAFKA_BROKERS" | "DATABASE_URL" | "CLICKHOUSE_URL", string>>;

async function prepare(
  stack: AsyncDisposableStack,
  logs: string,
  urls: EngineUrls,
): Promise<Omit<WholePath, "cluster">> {
  const topology = createTopology(builtInChains);
  const kafka = testKafka(urls.KAFKA_BROKERS, topology);
  const admin = kafka.admin();
  await Promise.all([applyTopology(admin, topology), migratePostgres(urls.DATABASE_URL)]);
  await admin.close();
  const brokers = urls.KAFKA_BROKERS.split(",");
  const target = { url: urls.CLICKHOUSE_URL, brokers, chains: builtInChains };
  await migrateClickHouse({ ...target, database: "ethhook" });
  const adminKey = randomBytes(16).toString("hex");
  const shared = {
    PATH: process.env["PATH"],
    NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"],
    ...urls,
    CLICKHOUSE_DATABASE: "ethhook",
    SECRETS_KEY: randomBytes(32).toString("base64"),
    ADMIN_KEY: adminKey,
    ALLOW_PRIVATE_ADDRESSES: "true",
    HTTP_HOST: "127.0.0.1",
  };
  const notices: string[] = [];
  let users = 0;

  return {
    kafka,
    topology,
    urls,
    notices,
    async start(name, env = {}) {
      const port = await anyFreePort();
      const service = startServiceProcess({
        name,
        mainPath: fileURLToPath(new URL(`../../services/${name}/src/main.ts`, import.meta.url)),
        env: { ...shared, HTTP_PORT: String(port), ...env },
        url: `http://127.0.0.1:${port}`,
        logPath: join(logs, `${name}-${port}.log`),
        onNotice: (sentence) => notices.push(sentence),
      });
      stack.defer(() => service.stop());
      await service.ready(readyWithinMs);
      return service;
    },
    async newUser(api) {
      users += 1;
      const admin = createApiClient(api.url, adminKey);
      const { apiKey } = await admin("createUser", { body: { email: `user${users}@example.org` } });
      return createApiClient(api.url, apiKey.key);
    },
    stop: () => stack.disposeAsync(),
  };
}
