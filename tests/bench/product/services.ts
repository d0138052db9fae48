import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { createKafka, createLogger } from "@ethhook/kit";
import { anyFreePort, startPostgres } from "@ethhook/infra";
import { createApiClient } from "@ethhook/scripts/api-client";
import { migratePostgres } from "@ethhook/scripts/migrate";
import { type ServiceProcess, startServiceProcess } from "@ethhook/scripts/service-process";
import { builtInChains, createTopology } from "@ethhook/topology";
import { createTopics } from "../../support/topics.ts";

const readyWithinMs = 30_000;

export interface ProductSettings {
  readonly brokers: readonly string[];
  /** Where the services' logs go. */
  readonly logFolder: string;
  /** Endpoints to create: the contracts that each listens to, and where its webhooks go. */
  readonly endpoints: readonly { readonly url: string; readonly addresses: readonly string[] }[];
  /** Services to start, in this order. */
  readonly services: readonly string[];
  /** Node of the chain `base`, for the ingestor. */
  readonly baseUrl?: string;
}

export interface Product {
  /** Pids of what works while logs flow, by name; the API has done its part and is stopped. */
  readonly processes: Readonly<Record<string, number>>;
  /** Ids of the endpoints, in their order. */
  readonly endpointIds: readonly string[];
}

/**
 * The product as it runs in production: its own processes over Kafka and Postgres, endpoints made through its API.
 * Everything that is started goes onto `started`.
 */
export async function startProduct(
  settings: ProductSettings,
  started: AsyncDisposableStack,
): Promise<Product> {
  const postgres = await startPostgres();
  started.defer(() => postgres.stop());
  await migratePostgres(postgres.url);
  const logger = createLogger({ name: "bench", level: "silent" });
  const kafka = createKafka({ brokers: settings.brokers, clientId: "bench", logger });
  await createTopics(kafka, createTopology(builtInChains));

  const adminKey = randomBytes(16).toString("hex");
  const env = {
    ...process.env,
    KAFKA_BROKERS: settings.brokers.join(","),
    DATABASE_URL: postgres.url,
    SECRETS_KEY: randomBytes(32).toString("base64"),
    ADMIN_KEY: adminKey,
    ALLOW_PRIVATE_ADDRESSES: "true",
    HTTP_HOST: "127.0.0.1",
    LOG_LEVEL: "warn",
    ...(settings.baseUrl === undefined ? {} : { BASE_WS_URL: settings.baseUrl }),
  };
  const start = (name: string) => startService(name, env, settings.logFolder);

  const api = await start("api");
  const creating = createEndpoints(api.url, adminKey, settings.endpoints);
  const [endpoints] = await Promise.allSettled([creating]);
  await api.stop();
  if (endpoints.status === "rejected") throw endpoints.reason;
  const endpointIds = endpoints.value;
  const processes: Record<string, number> = { postgres: postgres.pid };
  for (const name of settings.services) {
    const service = await start(name);
    started.defer(() => service.stop());
    processes[name] = service.pid() ?? 0;
  }
  return { processes, endpointIds };
}

/** A service of the product as its own process, ready. */
export async function startService(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  logFolder: string,
): Promise<ServiceProcess> {
  const port = await anyFreePort();
  const service = startServiceProcess({
    name,
    mainPath: fileURLToPath(new URL(`../../../services/${name}/src/main.ts`, import.meta.url)),
    env: { ...env, HTTP_PORT: String(port) },
    url: `http://127.0.0.1:${port}`,
    logPath: `${logFolder}/${name}.log`,
    onNotice: (sentence) => console.error(sentence),
  });
  try {
    await service.ready(readyWithinMs);
    return service;
  } catch (error) {
    await service.stop();
    throw error;
  }
}

async function createEndpoints(
  apiUrl: string,
  adminKey: string,
  endpoints: ProductSettings["endpoints"],
): Promise<readonly string[]> {
  const { apiKey } = await createApiClient(apiUrl, adminKey)("createUser", {
    body: { email: "bench@ethhook.example", name: "bench" },
  });
  const api = createApiClient(apiUrl, apiKey.key);
  const { id: applicationId } = await api("createApplication", { body: { name: "bench" } });
  const ids: string[] = [];
  for (const { url, addresses } of endpoints) {
    const filter = { chains: ["ethereum", "base"], addresses };
    const { id } = await api("createEndpoint", { params: { applicationId }, body: { url, filter } });
    ids.push(id);
  }
  return ids;
}
