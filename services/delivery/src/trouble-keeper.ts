import type { Logger } from "@ethhook/kit";
import type { OpossumBreakers } from "./adapters/opossum-breakers.ts";
import type { PostgresHealth } from "./adapters/postgres-health.ts";
import type { HealthBook } from "./core/health.ts";
import type { EndpointDirectory } from "./core/ports.ts";

/** Carries what is known of endpoints in trouble over restarts and changes of their owner. */
export interface TroubleKeeper {
  /** Before the first POST of an assignment: who fails, since when, whose breaker is open. */
  assigned(partitions: readonly number[]): Promise<void>;
  /** A person enabled the endpoint again: it starts with a clean record. */
  pardon(endpointId: string): void;
  /** Stores what changed. Never rejects: what could not be stored is tried again next time. */
  flush(): Promise<void>;
}

export interface TroubleDeps {
  readonly health: HealthBook;
  readonly store: PostgresHealth;
  readonly breakers: OpossumBreakers;
  readonly endpoints: EndpointDirectory;
  readonly logger: Logger;
}

export function createTroubleKeeper({
  health,
  store,
  breakers,
  endpoints,
  logger,
}: TroubleDeps): TroubleKeeper {
  let flushing: Promise<void> = Promise.resolve();

  async function flushOnce(): Promise<void> {
    const changes = health.changes();
    if (changes.size === 0) return;
    try {
      await store.store(changes);
    } catch (error) {
      health.putBack(changes);
      logger.warn(
        { event: "health.unwritten", endpoints: changes.size, err: error },
        "not stored, again soon",
      );
    }
  }

  return {
    async assigned(partitions) {
      const known = await store.load(partitions);
      await endpoints.load(known.map(({ endpointId }) => endpointId));
      breakers.clear();
      health.restore(known);
      for (const { endpointId, openUntilMs } of known) {
        const endpoint = endpoints.get(endpointId);
        if (openUntilMs !== null && endpoint) breakers.restore(endpoint, openUntilMs);
      }
    },
    pardon(endpointId) {
      health.forget(endpointId);
      breakers.forget(endpointId);
    },
    flush() {
      flushing = flushing.then(flushOnce);
      return flushing;
    },
  };
}
