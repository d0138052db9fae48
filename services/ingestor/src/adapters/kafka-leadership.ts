import type { Broker, Logger } from "@ethhook/kit";
import { readerGroupPrefix } from "@ethhook/topology";
import { backoffMs } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import type { Leadership } from "../core/leadership.ts";

export interface KafkaLeadershipDeps {
  readonly broker: Pick<Broker, "consumer">;
  /** The chain's ledger: whoever is assigned its partition leads. */
  readonly ledger: { readonly topic: string; readonly partition: number };
  readonly chain: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A killed leader is missed after this. Brokers allow no less than 6 s by default. */
const sessionTimeoutMs = 8_000;
const heartbeatIntervalMs = 1_500;
/** How long a leader that is asked to go may finish its transaction. */
const drainTimeoutMs = 4_000;
/** After it, a member that was replaced knows it. */
const certainAfterMs = sessionTimeoutMs + 2 * heartbeatIntervalMs;

interface Seat {
  readonly controller: AbortController;
  /** Resolves when `lead` has returned. */
  readonly left: Promise<void>;
}

/**
 * An election by consumer group: every process that runs the chain joins a group over the ledger, and the member that is
 * assigned the chain's partition leads. Nothing is read and nothing committed.
 */
export function createKafkaLeadership(deps: KafkaLeadershipDeps): Leadership {
  const { ledger, clock, logger } = deps;
  let seat: Seat | undefined;
  let isStandby = false;
  let hasLed = false;

  async function run(lead: (seat: AbortSignal) => Promise<void>, stop: AbortSignal): Promise<void> {
    for (let failures = 1; !stop.aborted; failures++) {
      try {
        await serve(lead, stop);
      } catch (error) {
        const delayMs = backoffMs(failures, clock.random());
        logger.warn({ event: "election.failed", err: error, delayMs }, `Not in the group: ${String(error)}`);
        await clock.sleep(delayMs, stop);
      }
    }
  }

  /** One membership: until it is stopped, or the consumer died. */
  async function serve(lead: (seat: AbortSignal) => Promise<void>, stop: AbortSignal): Promise<void> {
    const died = Promise.withResolvers<never>();
    died.promise.catch(() => undefined);
    const stopped = new Promise<void>((resolve) => stop.addEventListener("abort", () => resolve()));
    const consumer = deps.broker.consumer({
      groupId: `${readerGroupPrefix}leader.${deps.chain}`,
      topics: [ledger.topic],
      sessionTimeoutMs,
      heartbeatIntervalMs,
      drainTimeoutMs,
    });
    try {
      const started = consumer.start({
        onBatch: (batch) => batch.settleAll(),
        onAssigned(partitions) {
          for (const partition of partitions) consumer.pause(partition);
          const isMine = partitions.some(
            ({ topic, partition }) => topic === ledger.topic && partition === ledger.partition,
          );
          if (isMine) take(lead);
          else standBy();
        },
        onRevoking: leave,
        onCrash: died.reject,
      });
      await Promise.race([started, died.promise, stopped]);
      await Promise.race([died.promise, stop.aborted ? undefined : stopped]);
    } finally {
      await leave();
      await consumer.stop();
    }
  }

  function standBy(): void {
    isStandby = true;
    const { chain } = deps;
    if (hasLed)
      logger.warn(
        { event: "chain.deposed" },
        `${chain}: another ingestor took over; this one is fenced, writes no more and stands by`,
      );
    else logger.info({ event: "chain.standby" }, `${chain}: another ingestor leads; this one stands by`);
    hasLed = false;
  }

  function take(lead: (seat: AbortSignal) => Promise<void>): void {
    hasLed = true;
    const controller = new AbortController();
    const { signal } = controller;
    const left = (async () => {
      while (!signal.aborted) {
        await lead(signal);
        // Given up: if another one took over, the group will have said so by then.
        if (!signal.aborted) await clock.sleep(certainAfterMs, signal);
      }
    })();
    seat = { controller, left };
  }

  async function leave(): Promise<void> {
    isStandby = false;
    const leaving = seat;
    seat = undefined;
    leaving?.controller.abort();
    await leaving?.left;
  }

  return { run, state: () => (seat ? "leading" : isStandby ? "standby" : "waiting") };
}
