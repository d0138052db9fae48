import { addressPolicyOf, partitionOf, type ServiceDeps } from "@ethhook/kit";
import { createHttpReceiver } from "./adapters/http-receiver.ts";
import { createOpossumBreakers, type OpossumBreakers } from "./adapters/opossum-breakers.ts";
import { createAttemptIds } from "./adapters/attempt-ids.ts";
import { createUndiciTransport, type UndiciTransport } from "./adapters/undici-transport.ts";
import type { DeliveryConfig } from "./config.ts";
import { createBatcher, type Batcher } from "./core/batcher.ts";
import { createBlocks, type Blocks } from "./core/blocks.ts";
import { compose } from "./core/compose.ts";
import { createDispatcher, type Dispatcher, type DispatcherLimits } from "./core/dispatcher.ts";
import { createGates } from "./core/gates.ts";
import { createHealthBook, type HealthBook } from "./core/health.ts";
import { createIntake, type Intake } from "./core/intake.ts";
import type { Job, JobEnd } from "./core/job.ts";
import { laneLimitsDefault } from "./core/lanes.ts";
import { createRemovals, type Removals } from "./core/removals.ts";
import { createRouter } from "./core/router.ts";
import { createSequencer, type Sequencer } from "./core/sequencer.ts";
import { createSettlement, type Settlement } from "./core/settlement.ts";
import { judge } from "./core/verdict.ts";
import { createUnsettled } from "./core/unsettled.ts";
import type { MetricsObserver } from "./metrics-observer.ts";
import type { Stores } from "./stores.ts";

/** The way of a delivery through this process: intake → order, removals, batches → lanes → POST → settlement. */
export interface Pipeline {
  readonly intake: Pick<Intake, "take">;
  readonly dispatcher: Dispatcher;
  readonly sequencer: Sequencer;
  readonly removals: Removals;
  readonly batcher: Batcher;
  readonly breakers: OpossumBreakers;
  readonly health: HealthBook;
  readonly transport: UndiciTransport;
  /** Moves everything on that waits for time. Call it every 50 ms. */
  tick(): void;
  /** Begins nothing more and forgets what is not begun: the partitions may go. */
  withdraw(): void;
  /** How long ago the oldest was taken over that is neither settled nor parked; 0 without one. */
  oldestOpenMs(): number;
}

export interface PipelineDeps extends ServiceDeps {
  readonly stores: Stores;
  readonly observer: MetricsObserver;
  /** The endpoint answers again. */
  readonly onRecovered: (endpointId: string) => void;
  readonly partitions: number;
}

const unknownAgainMs = 1_000;

export function createPipeline(config: DeliveryConfig, deps: PipelineDeps): Pipeline {
  const { now, logger, stores, observer } = deps;
  const { endpoints, returning } = stores;
  const settlement = createSettlement({
    now,
    attempts: stores.outbox,
    parking: stores.parking,
    deadLetters: stores.outbox,
    observer,
    notices: stores.notices,
    rowsOf: (endpointId) => stores.plan.rowsOf(endpointId),
    rowsPerEndpointMax: config.PARKED_PER_ENDPOINT_MAX,
  });
  const ended = (job: Job, end: JobEnd): void => {
    if (job.orderKey !== "") sequencer.ended(job, end);
    removals.ended(job, end);
    blocks.ended(job);
  };
  const sending = createSending(config, deps, settlement, ended);
  const { dispatcher } = sending;
  const sequencer: Sequencer = createSequencer({
    now,
    store: stores.orders,
    send: (job) => dispatcher.accept(job),
    park: (job) => settlement.parked(job, "ordered", now()),
    hasRoom: (endpointId) => dispatcher.room(endpointId) > 0,
    comingFrom: (endpointId) =>
      Math.min(...[intake, batcher, blocks].map((at) => at.lowestOffset(endpointId))),
    onError: (error) => logger.warn({ event: "order.unreadable", err: error }, "an order was not read"),
  });
  const store = {
    takeBack: stores.orders.takeBack,
    forget: (webhookId: string) => stores.parking.remove(webhookId, false),
  };
  const removals: Removals = createRemovals({ store, returning, dispatcher, sequencer, settlement });
  const blocks: Blocks = createBlocks({
    now,
    endpoints,
    batches: stores.parking,
    removals,
    dispatcher,
    sequencer,
    settlement,
    again: (jobs) => intake.take(jobs.map((job) => ({ ...job, orderKey: "" }))),
  });
  const batcher: Batcher = createBatcher({
    now,
    limits: (endpointId) => {
      const { batchEventsMax = 1, batchBytesMax = 1 } = endpoints.get(endpointId)?.settings ?? {};
      return { eventsMax: batchEventsMax, bytesMax: batchBytesMax };
    },
    close: (batch) => blocks.close(batch),
  });
  const route = createRouter({ endpoints, dispatcher, sequencer, batcher, removals, settlement });
  const intake: Intake = createIntake({
    endpoints,
    accept(job) {
      returning.arrived(job);
      route(job);
    },
    gone(job) {
      returning.arrived(job);
      void settlement.buried(job, "gone", "there is no such endpoint");
    },
    // The first failure is often only a connection that a restarted server closed.
    pause: (failures) => new Promise((resolve) => setTimeout(resolve, failures === 1 ? 10 : unknownAgainMs)),
    onError: (error) => logger.warn({ event: "endpoints.unreadable", err: error }, "endpoints were not read"),
  });
  const unsettled = createUnsettled();
  return {
    ...sending,
    intake: { take: (jobs) => intake.take(jobs.map((job) => unsettled.watch(job))) },
    sequencer,
    removals,
    batcher,
    tick() {
      dispatcher.tick();
      sequencer.tick();
      batcher.tick();
    },
    withdraw() {
      dispatcher.close();
      intake.withdraw(() => true);
      sequencer.clear();
      batcher.withdrawAll();
      blocks.clear();
      removals.clear();
      returning.clear();
      unsettled.clear();
      dispatcher.withdrawAll();
    },
    oldestOpenMs: () => unsettled.oldestMs(now()),
  };
}

type Sending = Pick<Pipeline, "dispatcher" | "breakers" | "health" | "transport">;

/** From a job that may be sent to its settlement. */
function createSending(
  config: DeliveryConfig,
  deps: PipelineDeps,
  settlement: Settlement,
  ended: (job: Job, end: JobEnd) => void,
): Sending {
  const { now, stores } = deps;
  const { endpoints, notices } = stores;
  const policy = addressPolicyOf(config);
  const transport = createUndiciTransport({ policy, connectTimeoutMs: 10_000, connectionsPerOriginMax: 256 });
  const health = createHealthBook((notice) => notices.tell(notice));
  const breakers = createOpossumBreakers({
    now,
    isFailure: (exchange) => judge(exchange, now()).healthy === false,
    onOpen: (endpoint, untilMs) =>
      health.breakerOpened(endpoint, partitionOf(endpoint.id, deps.partitions), untilMs),
    onClose: ({ id }) => {
      health.breakerClosed(id);
      deps.onRecovered(id);
    },
  });
  const dispatcher = createDispatcher(limitsOf(config), {
    now,
    random: Math.random,
    defer: (run) => void setImmediate(run),
    newAttemptId: createAttemptIds(),
    endpoints,
    gates: createGates({ now, endpoints, breakers }),
    receiver: createHttpReceiver(transport, policy),
    breakers,
    health,
    notices,
    settlement,
    compose: (job, endpoint) => compose(job, endpoint, now()),
    ended,
  });
  return { dispatcher, breakers, health, transport };
}

function limitsOf(config: DeliveryConfig): DispatcherLimits {
  return {
    lanes: {
      ...laneLimitsDefault,
      youngMax: config.DELIVERY_CONCURRENCY,
      slowMax: config.DELIVERY_SLOW_CONCURRENCY,
    },
    guardAfterMs: 2_000,
    guardGraceMs: 10_000,
  };
}
