import { parseSecretKeys, type Producer, type ServiceDeps } from "@ethhook/kit";
import type { Pool } from "@ethhook/kit/postgres";
import type { Topology } from "@ethhook/topology";
import { createKafkaOutbox, type KafkaOutbox } from "./adapters/kafka-outbox.ts";
import { createOperationalWebhooks } from "./adapters/operational-webhooks.ts";
import { createPostgresEndpoints, type PostgresEndpoints } from "./adapters/postgres-endpoints.ts";
import { createPostgresHealth, type PostgresHealth } from "./adapters/postgres-health.ts";
import { createPostgresOrders, type PostgresOrders } from "./adapters/postgres-orders.ts";
import { createPostgresParking, type PostgresParking } from "./adapters/postgres-parking.ts";
import { createPostgresRelease, type PostgresRelease } from "./adapters/postgres-release.ts";
import type { DeliveryConfig } from "./config.ts";
import type { Notices } from "./core/notice.ts";
import { createReleasePlan, type ReleasePlan } from "./core/release-plan.ts";
import { createReturning, type ReturningDeliveries } from "./core/returning.ts";

/** What is durable, and the ways to it. */
export interface Stores {
  readonly producer: Producer;
  readonly outbox: KafkaOutbox;
  readonly endpoints: PostgresEndpoints;
  readonly parking: PostgresParking;
  readonly release: PostgresRelease;
  readonly orders: PostgresOrders;
  readonly health: PostgresHealth;
  readonly notices: Notices;
  readonly plan: ReleasePlan;
  readonly returning: ReturningDeliveries;
  /** Resolves when what is pending is written, or after `budgetMs`. */
  stop(budgetMs: number): Promise<void>;
}

export interface StoreDeps extends ServiceDeps {
  readonly pool: Pool;
  readonly producer: Producer;
  readonly topology: Topology;
}

export function createStores(config: DeliveryConfig, deps: StoreDeps): Stores {
  const { logger, now, pool, producer } = deps;
  const outbox = createKafkaOutbox(producer, deps.topology, logger);
  const plan = createReleasePlan();
  const endpoints = createPostgresEndpoints({ pool, keys: parseSecretKeys(config.SECRETS_KEY), logger });
  const orders = createPostgresOrders(pool, logger, now);
  const parking = createPostgresParking({
    pool,
    logger,
    onParked({ delivery, dueAtMs, orderKey }, isNew) {
      // What has an order is drained by the sequencer, not released.
      plan.parked(delivery.endpointId, orderKey === "" ? dueAtMs : Number.POSITIVE_INFINITY, isNew);
    },
  });
  return {
    producer,
    outbox,
    plan,
    parking,
    endpoints,
    orders,
    release: createPostgresRelease(pool, logger),
    health: createPostgresHealth(pool),
    notices: createOperationalWebhooks({ pool, logger, publish: (deliveries) => outbox.release(deliveries) }),
    returning: createReturning((deliveries) => outbox.release(deliveries)),
    async stop(budgetMs) {
      await Promise.all([parking.stop(budgetMs), orders.stop(budgetMs), endpoints.stop(budgetMs)]);
      outbox.stop();
    },
  };
}
