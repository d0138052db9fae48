import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ClickHouseLogLevel, createClient, type ClickHouseClient } from "@clickhouse/client";
import { startClickHouse, startKafka, startPostgres } from "@ethhook/infra";
import { createKafka, createLogger } from "@ethhook/kit";
import { createApiClient, type ApiClient } from "@ethhook/scripts/api-client";
import { migratePostgres } from "@ethhook/scripts/migrate";
import { builtInChains, createTopology } from "@ethhook/topology";
import { createTopics } from "../../support/topics.ts";
import { startService } from "../product/services.ts";
import type { BenchEndpoint } from "./attempts.ts";

export const database = "ethhook";

/** A user of the benchmark, who asks through the API. */
export interface BenchUser {
  readonly id: string;
  readonly api: ApiClient;
  readonly endpoints: readonly BenchEndpoint[];
}

/** Engines, topics and the API with its users; ClickHouse is still empty. */
export interface Stage {
  readonly brokers: readonly string[];
  readonly clickhouseUrl: string;
  readonly postgresUrl: string;
  readonly db: ClickHouseClient;
  readonly users: readonly BenchUser[];
  /** For commands that work with these engines. */
  readonly env: Readonly<Record<string, string>>;
  readonly processes: Readonly<Record<string, number>>;
}

export async function startStage(
  started: AsyncDisposableStack,
  size: { readonly users: number; readonly endpointsPerUser: number },
): Promise<Stage> {
  const [kafka, clickhouse, postgres] = await Promise.all([startKafka(), startClickHouse(), startPostgres()]);
  for (const engine of [kafka, clickhouse, postgres]) started.defer(() => engine.stop());
  await migratePostgres(postgres.url);
  const client = createKafka({
    brokers: kafka.brokers,
    clientId: "bench",
    logger: createLogger({ name: "bench", level: "silent" }),
  });
  await createTopics(client, createTopology(builtInChains));
  const logFolder = await mkdtemp(join(tmpdir(), "ethhook-bench-"));
  started.defer(() => rm(logFolder, { recursive: true, force: true }));
  const env = {
    KAFKA_BROKERS: kafka.brokers.join(","),
    DATABASE_URL: postgres.url,
    CLICKHOUSE_URL: clickhouse.url,
    CLICKHOUSE_DATABASE: database,
  };
  const adminKey = randomBytes(16).toString("hex");
  const own = {
    SECRETS_KEY: randomBytes(32).toString("base64"),
    ADMIN_KEY: adminKey,
    HTTP_HOST: "127.0.0.1",
  };
  const api = await startService("api", { ...process.env, ...env, ...own, LOG_LEVEL: "warn" }, logFolder);
  started.defer(() => api.stop());
  const db = createClient({
    url: clickhouse.url,
    database,
    request_timeout: 600_000,
    log: { level: ClickHouseLogLevel.OFF },
  });
  started.defer(() => db.close());
  const users: BenchUser[] = [];
  for (let n = 0; n < size.users; n += 1) {
    users.push(await createUser(api.url, adminKey, n, size.endpointsPerUser));
  }
  return {
    brokers: kafka.brokers,
    clickhouseUrl: clickhouse.url,
    postgresUrl: postgres.url,
    db,
    users,
    env,
    processes: { kafka: kafka.pid, clickhouse: clickhouse.pid, postgres: postgres.pid, api: api.pid() ?? 0 },
  };
}

async function createUser(url: string, adminKey: string, n: number, endpoints: number): Promise<BenchUser> {
  const body = { email: `bench-${n}@ethhook.example`, name: "bench" };
  const { user, apiKey } = await createApiClient(url, adminKey)("createUser", { body });
  const api = createApiClient(url, apiKey.key);
  const { id: applicationId } = await api("createApplication", { body: { name: "bench" } });
  const own: BenchEndpoint[] = [];
  for (let endpoint = 0; endpoint < endpoints; endpoint += 1) {
    const { id: endpointId } = await api("createEndpoint", {
      params: { applicationId },
      body: { url: `https://hooks.example/${n}/${endpoint}`, filter: { chains: ["base"] } },
    });
    own.push({ userId: user.id, applicationId, endpointId });
  }
  return { id: user.id, api, endpoints: own };
}

/** Rows of a query. */
export async function rowsOf<T>(db: ClickHouseClient, query: string): Promise<T[]> {
  return (await db.query({ query, format: "JSONEachRow" })).json<T>();
}

/** The first column of the first row, as a number. */
export async function numberOf(db: ClickHouseClient, query: string): Promise<number> {
  const [row] = await rowsOf<Record<string, unknown>>(db, query);
  return Number(Object.values(row ?? {})[0] ?? 0);
}

/** Asks every `everyMs` until `done` says so. @throws Error after `withinMs`. */
export async function poll<T>(
  what: string,
  ask: () => Promise<T>,
  done: (answer: T) => boolean,
  { everyMs = 250, withinMs = 3_600_000 } = {},
): Promise<T> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (done(answer)) return answer;
    if (performance.now() > deadlineMs) throw new Error(`${what}: still ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
