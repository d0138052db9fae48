import { addressPolicyOf, parseSecretKeys, type Broker, type MainDeps, type Service } from "@ethhook/kit";
import { createPostgres } from "@ethhook/kit/postgres";
import { PipelineError } from "@ethhook/schemas";
import { createTopology } from "@ethhook/topology";
import type { FastifyInstance } from "fastify";
import manifest from "../package.json" with { type: "json" };
import { createClickHouse, type ClickHouse } from "./adapters/clickhouse-client.ts";
import { createClickHouseHistory } from "./adapters/clickhouse-history.ts";
import { createClickHouseLogs } from "./adapters/clickhouse-logs.ts";
import { createClickHouseStatistics } from "./adapters/clickhouse-statistics.ts";
import { createVault } from "./adapters/crypto-vault.ts";
import { addHealthRoutes } from "./adapters/http-health.ts";
import { createHttpServer } from "./adapters/http-server.ts";
import { createKafkaOutbox, type KafkaOutbox } from "./adapters/kafka-outbox.ts";
import { createPostgresAccounts } from "./adapters/postgres-accounts.ts";
import { createPostgresAddressLists } from "./adapters/postgres-address-lists.ts";
import { createPostgresEndpoints } from "./adapters/postgres-endpoints.ts";
import { createPostgresHealth } from "./adapters/postgres-health.ts";
import { createPostgresParked } from "./adapters/postgres-parked.ts";
import type { ApiConfig } from "./config.ts";
import { createAccounts } from "./core/accounts.ts";
import { createAddressLists } from "./core/address-lists.ts";
import { authenticate } from "./core/authenticate.ts";
import { createDeliveries } from "./core/deliveries.ts";
import { createDryRuns } from "./core/dry-run.ts";
import { createEndpoints } from "./core/endpoints.ts";
import { createFilterChecker } from "./core/filter.ts";
import type { Handlers } from "./core/operations.ts";
import { createStatistics } from "./core/statistics.ts";
import type { AccountStore, Vault } from "./core/ports.ts";

export interface ApiDeps extends MainDeps {
  /** Test events are written to it. */
  readonly broker: Pick<Broker, "producer">;
}

/** The REST API. `url` is set once it listens. */
export interface Api extends Service {
  url(): string | undefined;
}

/**
 * The REST API with its health and metrics, on one port.
 * @throws PipelineError from `start`: `PORT_IN_USE` when it cannot listen.
 */
export async function createApi(config: ApiConfig, deps: ApiDeps): Promise<Api> {
  const pool = createPostgres({ url: config.DATABASE_URL, logger: deps.logger });
  const clickhouse = createClickHouse(config.CLICKHOUSE_URL, config.CLICKHOUSE_DATABASE);
  const outbox = createKafkaOutbox(deps.broker, createTopology(config.CHAINS_EXTRA));
  const vault = createVault(parseSecretKeys(config.SECRETS_KEY), config.ADMIN_KEY || undefined);
  const accounts = createPostgresAccounts(pool);
  const app = await createHttpServer({
    handlers: createHandlers(config, deps, { pool, clickhouse, outbox, vault, accounts }),
    authenticate: (header, needed) => authenticate(header, needed, accounts, vault),
    addRoutes: (server) => addHealthRoutes(server, { pool, registry: deps.registry }),
    logger: deps.logger,
    metrics: deps.metrics,
    version: manifest.version,
  });
  let url: string | undefined;
  return {
    url: () => url,
    async start() {
      url = await listen(app, config.HTTP_HOST, config.HTTP_PORT);
    },
    async stop() {
      url = undefined;
      await app.close();
      await Promise.all([pool.end(), outbox.stop(), clickhouse.close()]);
    },
    notReady: () => (url === undefined ? ["not listening"] : []),
    // Every failure of a request is answered; nothing of the API can die on its own.
    crashed: new Promise(() => undefined),
  };
}

interface Stores {
  readonly pool: ReturnType<typeof createPostgres>;
  readonly clickhouse: ClickHouse;
  readonly outbox: KafkaOutbox;
  readonly vault: Vault;
  readonly accounts: AccountStore;
}

/** Every operation of the contract over its stores. */
function createHandlers(config: ApiConfig, { now }: ApiDeps, stores: Stores): Handlers {
  const { pool, clickhouse, outbox, vault, accounts } = stores;
  const chains = config.CHAINS_EXTRA;
  const lists = createPostgresAddressLists(pool);
  const endpoints = createPostgresEndpoints(pool);
  const check = createFilterChecker(chains, lists);
  const history = createClickHouseHistory(clickhouse);
  const parked = createPostgresParked(pool);
  return {
    ...createAccounts(accounts, vault),
    ...createEndpoints(endpoints, vault, check, addressPolicyOf(config)),
    ...createAddressLists(lists),
    ...createDeliveries({ history, parked, endpoints, outbox, vault, now }),
    ...createStatistics({
      statistics: createClickHouseStatistics(clickhouse),
      health: createPostgresHealth(pool),
      endpoints,
      now,
    }),
    ...createDryRuns({ logs: createClickHouseLogs(clickhouse), lists, check, chains, now }),
  };
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (cause) {
    const inUse = (cause as NodeJS.ErrnoException).code === "EADDRINUSE";
    if (!inUse) throw cause;
    const message = `Port ${port} is in use: choose another with HTTP_PORT.`;
    throw new PipelineError("PORT_IN_USE", "crash", message, { cause });
  }
}
