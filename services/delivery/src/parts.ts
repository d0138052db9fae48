import type {
  Consumer,
  ConsumerOptions,
  KafkaAdmin,
  Producer,
  ProducerOptions,
  ServiceDeps,
} from "@ethhook/kit";
import { createListener, type Listener, type Pool } from "@ethhook/kit/postgres";
import { builtInChains, createTopology } from "@ethhook/topology";
import type { DeliveryConfig } from "./config.ts";
import { createGroupMember, type GroupMember } from "./group-member.ts";
import { createMetricsObserver } from "./metrics-observer.ts";
import { createPipeline, type Pipeline } from "./pipeline.ts";
import { createReleaseLoop, type ReleaseLoop } from "./release-loop.ts";
import { createStores, type Stores } from "./stores.ts";
import { createTroubleKeeper, type TroubleKeeper } from "./trouble-keeper.ts";

export interface DeliveryDeps extends ServiceDeps {
  readonly broker: {
    consumer(options: ConsumerOptions): Consumer;
    producer(options?: ProducerOptions): Producer;
    admin(): Pick<KafkaAdmin, "bounds" | "close">;
  };
  readonly pool: Pool;
}

/** Everything that a delivery process is made of; nothing is started. */
export interface Parts {
  readonly stores: Stores;
  readonly pipeline: Pipeline;
  readonly trouble: TroubleKeeper;
  readonly releaseLoop: ReleaseLoop;
  readonly member: GroupMember;
  readonly listener: Listener;
}

/** Attempts are written in batches of so long: nobody waits for them, and each request costs this process and the broker. */
const attemptsIntervalMs = 20;

// What delivery reads and writes does not depend on the chains.
const topology = createTopology(builtInChains);

export function createParts(config: DeliveryConfig, deps: DeliveryDeps): Parts {
  const { logger, now } = deps;
  const observer = createMetricsObserver(deps.metrics);
  const producer = deps.broker.producer({ intervalMs: attemptsIntervalMs });
  const stores = createStores(config, { ...deps, producer, topology });
  const pipeline = createPipeline(config, {
    ...deps,
    stores,
    observer,
    onRecovered: (endpointId) => releaseLoop.recovered(endpointId),
    partitions: topology.deliveries.partitions,
  });
  const { dispatcher, breakers, health } = pipeline;
  const { endpoints } = stores;
  const releaseLoop: ReleaseLoop = createReleaseLoop({
    plan: stores.plan,
    release: stores.release,
    publish: (deliveries) => stores.returning.publish(deliveries),
    room: (endpointId) => dispatcher.room(endpointId) - stores.returning.countOf(endpointId),
    load: (ids) => endpoints.load(ids.filter((id) => endpoints.get(id) === undefined)),
    mayHaveChanged: (endpointId) => pipeline.sequencer.recheck(endpointId),
    observer,
    now,
    logger,
  });
  const trouble = createTroubleKeeper({ health, store: stores.health, breakers, endpoints, logger });
  endpoints.onChange((before, after) => {
    // A deleted one leaves nothing behind either.
    if (after === null || (before.status === "disabled" && after.status === "enabled"))
      trouble.pardon(before.id);
  });
  observer.watch({
    dispatcher,
    oldestOpenMs: () => pipeline.oldestOpenMs(),
    breakers,
    pendingWrites: () => stores.parking.pendingWrites,
    parkedByReason: () => releaseLoop.parkedByReason(),
  });
  const member = createGroupMember({
    consumer: createConsumer(config, deps),
    replayTopic: topology.deliveriesReplay.name,
    pipeline,
    releaseLoop,
    trouble,
    orders: stores.orders,
    ends: () => endsOf(topology.deliveries.name, deps),
    now,
    logger,
  });
  const listener = createListener({
    url: config.DATABASE_URL,
    channels: ["ethhook_endpoints", "ethhook_parked"],
    logger,
    onNotify(channel, endpointId) {
      if (channel === "ethhook_endpoints") return endpoints.changed(endpointId);
      releaseLoop.hasten(endpointId);
      pipeline.sequencer.recheck(endpointId);
    },
    async onReconnect() {
      await endpoints.refresh();
      releaseLoop.refresh();
    },
  });
  return { stores, pipeline, trouble, releaseLoop, member, listener };
}

/** Connects for the one question: it is asked seldom, and a connection of its own for it would stand idle. */
async function endsOf(topic: string, { broker }: DeliveryDeps): Promise<ReadonlyMap<number, number>> {
  const admin = broker.admin();
  try {
    return new Map((await admin.bounds(topic)).map(({ partition, end }) => [partition, end]));
  } finally {
    await admin.close();
  }
}

function createConsumer(config: DeliveryConfig, { broker }: DeliveryDeps): Consumer {
  return broker.consumer({
    groupId: "delivery",
    topics: [topology.deliveries.name, topology.deliveriesReplay.name],
    assignment: "co-partitioned",
    pauseAbove: config.WINDOW_RECORDS,
    resumeBelow: Math.floor(config.WINDOW_RECORDS / 2),
    maxBytesPerPartition: 131_072,
    maxBytesPerFetch: 131_072,
    sessionTimeoutMs: config.SESSION_TIMEOUT_MS,
    heartbeatIntervalMs: Math.floor(config.SESSION_TIMEOUT_MS / 4),
  });
}
