import type { Logger } from "@ethhook/kit";
import { createListener, type Pool } from "@ethhook/kit/postgres";
import type { Chain } from "@ethhook/topology";
import { createFilterSet, type FilterSet } from "../core/filter-set.ts";
import { loadNewer, loadState, type OnUnreadable } from "../core/load-filters.ts";
import type { Filters } from "../core/ports.ts";
import { createPostgresHistory } from "./postgres-history.ts";

export interface PostgresFiltersOptions {
  readonly url: string;
  readonly pool: Pool;
  readonly chains: readonly Chain[];
  readonly logger: Logger;
  readonly now: () => number;
  /** A newer version is in memory. */
  readonly onVersion: (version: number) => void;
}

/** The filters in memory, kept up to date by LISTEN; a lost connection is followed by reading all that was missed. */
export interface PostgresFilters extends Filters {
  /** Resolves when every filter is in memory. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** False while changes may be missed. */
  connected(): boolean;
  /** Addresses of named lists in memory, and the bytes of their tables. */
  lists(): { readonly addresses: number; readonly bytes: number };
}

/** Versions of this age and younger are in memory; older ones are read when a log needs them. */
const historyMs = 24 * 3_600_000;
/** Versions are read again after this time even if no notification came: a lost one must not last. */
const pollMs = 5_000;
const pruneMs = 600_000;
/** An older version that was asked for stays so long. */
const keepMs = 3_600_000;

export function createPostgresFilters(options: PostgresFiltersOptions): PostgresFilters {
  const { url, pool, chains, logger, now, onVersion } = options;
  const history = createPostgresHistory(pool);
  let set: FilterSet = createFilterSet(0, chains);
  /** Whatever changes the set runs after what was changing it before. */
  let working: Promise<void> = Promise.resolve();
  let refreshing: Promise<void> | undefined;
  let asked = { version: Number.POSITIVE_INFINITY, untilMs: 0 };
  const timers: NodeJS.Timeout[] = [];

  const onUnreadable: OnUnreadable = ({ endpointId, version }, problem) => {
    logger.error(
      { event: "filter.unreadable", endpointId, version, problem },
      "A stored filter cannot be read: it matches nothing",
    );
  };

  function inTurn(work: () => Promise<void>): Promise<void> {
    const done = working.then(work);
    working = done.catch(() => undefined);
    return done;
  }

  async function rebuild(oldest: number): Promise<void> {
    const fresh = createFilterSet(oldest, chains);
    await loadState(fresh, history, onUnreadable);
    await loadNewer(fresh, history, onUnreadable);
    // Only now: until here the old set answers.
    set = fresh;
    onVersion(set.newest());
  }

  /** Reads what is newer. Calls while one waits for its turn are answered by that one. */
  function refresh(): Promise<void> {
    refreshing ??= inTurn(async () => {
      refreshing = undefined;
      await loadNewer(set, history, onUnreadable);
      onVersion(set.newest());
    });
    return refreshing;
  }

  function inBackground(what: string, work: () => Promise<void>): () => void {
    return () => {
      work().catch((error: unknown) => {
        logger.warn({ event: "filters.read-failed", err: error }, `${what}: tried again`);
      });
    };
  }

  const refreshSoon = inBackground("New filter versions could not be read", refresh);
  const prune = async (): Promise<void> => {
    const oldest = await history.versionBefore(historyMs);
    const kept = now() < asked.untilMs ? Math.min(oldest, asked.version) : oldest;
    await inTurn(async () => set.prune(kept));
  };
  const listener = createListener({
    url,
    channels: ["ethhook_filters"],
    logger,
    onNotify: refreshSoon,
    onReconnect: refresh,
  });

  return {
    async start() {
      await inTurn(async () => rebuild(await history.versionBefore(historyMs)));
      await listener.start();
      timers.push(
        setInterval(refreshSoon, pollMs),
        setInterval(inBackground("Old filter versions could not be pruned", prune), pruneMs),
      );
      for (const timer of timers) timer.unref();
    },
    async stop() {
      for (const timer of timers) clearInterval(timer);
      await listener.stop();
      await working;
    },
    connected: () => listener.connected(),
    versionAt: (timeMs) => set.versionAt(timeMs),
    oldest: () => set.oldest(),
    newest: () => set.newest(),
    match: (log, finality, version) => set.match(log, finality, version),
    size: (finality) => set.size(finality),
    lists: () => ({ addresses: set.lists.size(), bytes: set.lists.bytes() }),
    async load(version) {
      if (version > set.newest()) await refresh();
      if (version >= set.oldest()) return;
      asked = { version: Math.min(asked.version, version), untilMs: now() + keepMs };
      await inTurn(async () => {
        if (version < set.oldest()) await rebuild(version);
      });
    },
  };
}
