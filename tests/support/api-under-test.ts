import { createApi, type Api } from "@ethhook/api";
import type { ApiConfig } from "@ethhook/api/config";
import { createKafka, createLogger, createMetrics, Registry } from "@ethhook/kit";
import { builtInChains, metricCatalogue } from "@ethhook/topology";

/** Answers are asserted on, not used: what the contract says of them is tested beside it. */
export type Json = ReturnType<typeof JSON.parse>;

export interface Answer {
  readonly status: number;
  readonly body: Json;
}

export const adminKey = "an-admin-key-of-some-length";
export const secretsKey = Buffer.alloc(32, 5).toString("base64");

/** The API in this process, over real stores. What is not given is an address at which nothing listens. */
export interface ApiUnderTest {
  readonly api: Api;
  call(key: string, method: string, path: string, body?: unknown): Promise<Answer>;
  /** A new user with an application, and calls made with their key. */
  newUser(): Promise<TestUser>;
}

export interface TestUser {
  readonly id: string;
  readonly created: Answer;
  readonly key: string;
  readonly application: string;
  ask(method: string, path: string, body?: unknown): Promise<Answer>;
  newEndpoint(more?: object): Promise<Json>;
}

export const someFilter = { chains: [1], addresses: [`0x${"ab".repeat(20)}`] };

export async function startApiUnderTest(stores: {
  readonly postgresUrl: string;
  readonly clickhouseUrl?: string;
  readonly clickhouseDatabase?: string;
  readonly brokers?: readonly string[];
  /** What is to be different. */
  readonly config?: Partial<ApiConfig>;
}): Promise<ApiUnderTest> {
  const registry = new Registry();
  const logger = createLogger({ name: "api", level: "silent" });
  const brokers = stores.brokers ?? ["127.0.0.1:1"];
  const api = await createApi(
    {
      LOG_LEVEL: "silent",
      HTTP_HOST: "127.0.0.1",
      HTTP_PORT: 0,
      DATABASE_URL: stores.postgresUrl,
      CLICKHOUSE_URL: stores.clickhouseUrl ?? "http://127.0.0.1:1",
      CLICKHOUSE_DATABASE: stores.clickhouseDatabase ?? "ethhook",
      KAFKA_BROKERS: [...brokers],
      SECRETS_KEY: secretsKey,
      ADMIN_KEY: adminKey,
      CHAINS_EXTRA: builtInChains,
      ALLOW_PRIVATE_ADDRESSES: false,
      ALLOW_PLAIN_HTTP: false,
      ALLOWED_NETWORKS: [],
      ...stores.config,
    },
    {
      logger,
      metrics: createMetrics(metricCatalogue, registry),
      registry,
      now: Date.now,
      broker: createKafka({ brokers, clientId: "api", logger }),
    },
  );
  await api.start();

  async function call(key: string, method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${api.url()}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : (JSON.parse(text) as Json) };
  }

  let users = 0;
  return {
    api,
    call,
    async newUser() {
      users += 1;
      const created = await call(adminKey, "POST", "/v1/users", { email: `user${users}@example.org` });
      const key = created.body.apiKey.key as string;
      const ask: TestUser["ask"] = (method, path, body) => call(key, method, path, body);
      const application = (await ask("POST", "/v1/applications", { name: "shop" })).body.id as string;
      return {
        id: created.body.user.id as string,
        created,
        key,
        application,
        ask,
        async newEndpoint(more = {}) {
          const body = { url: "https://example.org/hooks", filter: someFilter, ...more };
          return (await ask("POST", `/v1/applications/${application}/endpoints`, body)).body;
        },
      };
    },
  };
}
