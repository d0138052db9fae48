import type { Service } from "@ethhook/kit";
import type { DeliveryConfig } from "./config.ts";
import { stoppedCode } from "./core/verdict.ts";
import { createParts, type DeliveryDeps } from "./parts.ts";

export type { DeliveryDeps } from "./parts.ts";

const tickMs = 50;
const troubleMs = 1_000;
const housekeepingMs = 10_000;
/** Left of the budget for what is not written yet. */
const flushMs = 2_000;
const purgeMs = 3_600_000;
/** A lane, bucket or target that nobody used for so long is forgotten. */
const idleMs = 120_000;

/** The delivery service: signs webhooks, sends each when its endpoint can take it, and loses none. */
export function createDelivery(config: DeliveryConfig, deps: DeliveryDeps): Service {
  const parts = createParts(config, deps);
  const { pipeline, member, listener, releaseLoop, trouble, stores } = parts;
  const { logger, now } = deps;
  const timers: NodeJS.Timeout[] = [];

  function housekeep(): void {
    pipeline.breakers.evictIdle();
    pipeline.dispatcher.evictIdle(idleMs);
  }

  function purge(): void {
    stores.orders.purge().catch((error: unknown) => {
      logger.warn({ event: "purge.failed", err: error }, "old rows were not deleted");
    });
  }

  return {
    async start() {
      await listener.start();
      await stores.endpoints.checkKeys();
      await stores.producer.start();
      const every = (ms: number, run: () => void) => timers.push(setInterval(run, ms));
      every(tickMs, () => pipeline.tick());
      every(troubleMs, () => void trouble.flush());
      every(housekeepingMs, housekeep);
      every(purgeMs, purge);
      await member.start();
      releaseLoop.start();
    },
    async stop(budgetMs) {
      const deadlineMs = now() + budgetMs;
      await releaseLoop.stop();
      await member.stop();
      // A breaker's probe that is ended now tells nothing of its endpoint: the breaker stays as it is stored.
      pipeline.breakers.clear();
      // POSTs that hang have rows; now they end, and are parked to be sent again at once.
      await pipeline.transport.destroy(stoppedCode);
      const late = new Promise<void>((resolve) =>
        setTimeout(resolve, Math.max(0, deadlineMs - now() - flushMs)).unref(),
      );
      await Promise.race([pipeline.dispatcher.idle(), late]);
      await trouble.flush();
      await stores.stop(deadlineMs - now());
      await stores.producer.stop();
      await listener.stop();
      for (const timer of timers) clearInterval(timer);
    },
    notReady: () => {
      const reasons = [...member.standstills()];
      if (!member.assigned()) reasons.push("no partition is assigned");
      if (!listener.connected()) reasons.push("Postgres does not answer");
      return reasons;
    },
    crashed: member.crashed,
  };
}
