import type { Broker, Logger } from "@ethhook/kit";
import type { Pool } from "@ethhook/kit/postgres";
import { finality as finalities, type Delivery, type Finality, type Log } from "@ethhook/schemas";
import type { Topology } from "@ethhook/topology";
import { leadGroup } from "./adapters/kafka-lead.ts";
import { createKafkaLedgers } from "./adapters/kafka-ledgers.ts";
import { createPostgresHistory } from "./adapters/postgres-history.ts";
import { deliveriesOf } from "./core/deliveries.ts";
import type { Epoch } from "./core/epochs.ts";
import { createFilterSet, type FilterSet, type FilterVersion } from "./core/filter-set.ts";
import type { BlockStatus, Wait } from "./core/ledger.ts";
import { loadNewer, loadState } from "./core/load-filters.ts";

/** What the past is matched again with. */
export interface RematchDeps {
  readonly broker: Broker;
  readonly pool: Pool;
  readonly topology: Topology;
  readonly logger: Logger;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** Computes again what matching made of a log: for replays and audits. Never writes. */
export interface Rematcher {
  /**
   * The deliveries that the groups made of a log, with the filter version that was recorded for its sequence. The same ids and
   * bytes as the first time. None where a group never matched it, or where the log was taken back before it was final.
   * A log that still waits for finality has none of that group yet.
   */
  deliveriesOf(log: Log, partition: number): Promise<readonly Delivery[]>;
  /** What became of a log's block, by the ledger as it stands now. `older`: the ledger does not reach back to it. */
  statusOf(log: Log, finality: "confirmed" | "finalized"): Promise<BlockStatus>;
  /** Reads epochs and versions again that were recorded meanwhile. */
  refresh(): Promise<void>;
  close(): Promise<void>;
}

const ledgerAgeMaxMs = 500;

export function createRematcher({ broker, pool, topology, logger, now }: RematchDeps): Rematcher {
  const history = createPostgresHistory(pool);
  const ledgers = createKafkaLedgers({
    broker,
    topology,
    logger,
    onAdvance: () => undefined,
    onCrash: (error) => logger.error({ event: "rematch.ledger-failed", err: error }, error.message),
  });
  const epochs = new Map<string, Promise<readonly Epoch[]>>();
  const refreshedAtMs = new Map<number, number>();
  let set: FilterSet | undefined;
  const ignore = (): void => undefined;

  /** A log is matched in every group with what was recorded when it, or the log that it takes back, was first met. */
  async function versionOf(log: Log, partition: number): Promise<number | undefined> {
    const key = `${log.chainId}:${partition}`;
    const known = epochs.get(key) ?? readEpochs(pool, log.chainId, partition);
    epochs.set(key, known);
    return newestUpTo(await known, log.addedSequence);
  }

  async function filtersFor(version: number): Promise<FilterSet> {
    if (set === undefined || version < set.oldest()) {
      set = createFilterSet(version, topology.chains);
      await loadState(set, history, ignore);
      await loadNewer(set, history, ignore);
    }
    if (version > set.newest()) await loadNewer(set, history, ignore);
    return set;
  }

  async function statusOf(log: Log, group: Wait): Promise<BlockStatus> {
    const { chainId, addedSequence } = log;
    const known = ledgers.of(chainId).statusOf(addedSequence, group);
    // What waits may have been settled since the ledger was read; to ask for each log would cost a request each.
    const stale = known === "waiting" && now() - (refreshedAtMs.get(chainId) ?? 0) > ledgerAgeMaxMs;
    if (stale || ledgers.of(chainId).last() < log.sequence) {
      await ledgers.refresh(chainId);
      refreshedAtMs.set(chainId, now());
    }
    if (ledgers.of(chainId).statusOf(addedSequence, group) === "older")
      await ledgers.reachBack(chainId, addedSequence);
    return ledgers.of(chainId).statusOf(addedSequence, group);
  }

  return {
    async deliveriesOf(log, partition) {
      const made: Delivery[] = [];
      const chain = topology.chains.find(({ id }) => id === log.chainId);
      const version = await versionOf(log, partition);
      if (version === undefined || chain === undefined) return made;
      const filters = await filtersFor(version);
      for (const group of finalities.options) {
        const matches = filters.match(log, group, version);
        if (matches.length === 0 || (group !== "latest" && (await statusOf(log, group)) !== "final"))
          continue;
        const context = { chain: chain.name, finality: group, version, matchedAtMs: now() };
        made.push(...deliveriesOf(log, matches, context));
      }
      return made;
    },
    statusOf,
    async refresh() {
      epochs.clear();
      await Promise.all(topology.chains.map(({ id }) => ledgers.refresh(id)));
      if (set !== undefined) await loadNewer(set, history, ignore);
    },
    close: () => ledgers.stop(),
  };
}

/** One endpoint's present filter, for the past that it was not there to see. */
export interface EndpointMatcher {
  /** The version that brought the filter, and when: what is written after it is matched live. */
  readonly version: number;
  readonly createdAtMs: number;
  readonly finality: Finality;
  /** The deliveries of a log for this endpoint, with the ids and bytes that a live match would have had. */
  deliveriesOf(log: Log): readonly Delivery[];
}

/** @returns null when the endpoint has no filter: it was deleted, or never was. */
export async function createEndpointMatcher(
  endpointId: string,
  { pool, topology, now }: Pick<RematchDeps, "pool" | "topology" | "now">,
): Promise<EndpointMatcher | null> {
  const history = createPostgresHistory(pool);
  const row = await newestVersion(pool, endpointId);
  if (row === undefined || row.subscription === null) return null;
  const set = createFilterSet(row.version, topology.chains);
  const problems: string[] = [];
  await loadState(
    set,
    {
      ...history,
      stateAt: async function* () {
        yield [row];
      },
    },
    (_, problem) => problems.push(problem),
  );
  if (problems.length > 0)
    throw new Error(`the filter of ${endpointId} cannot be read: ${problems.join("; ")}`);
  const { finality } = row.subscription;
  const chains = new Map(topology.chains.map(({ id, name }) => [id, name]));
  return {
    version: row.version,
    createdAtMs: row.createdAtMs,
    finality,
    deliveriesOf(log) {
      const matches = set.match(log, finality, row.version);
      const context = {
        chain: chains.get(log.chainId) ?? String(log.chainId),
        finality,
        version: row.version,
        matchedAtMs: now(),
      };
      return [...deliveriesOf(log, matches, context)];
    },
  };
}

async function newestVersion(pool: Pool, endpointId: string): Promise<FilterVersion | undefined> {
  const { rows } = await pool.query<FilterVersion>(
    `SELECT version, endpoint_id AS "endpointId", application_id AS "applicationId", user_id AS "userId", subscription,
       (extract(epoch FROM created_at) * 1000)::float8 AS "createdAtMs"
     FROM filter_versions WHERE endpoint_id = $1 ORDER BY version DESC LIMIT 1`,
    [endpointId],
  );
  return rows[0];
}

async function readEpochs(pool: Pool, chainId: number, partition: number): Promise<readonly Epoch[]> {
  const { rows } = await pool.query<Epoch>(
    `SELECT from_sequence AS "fromSequence", version FROM matcher_epochs
     WHERE group_id = $1 AND chain_id = $2 AND partition = $3 ORDER BY from_sequence`,
    [leadGroup, chainId, partition],
  );
  return rows;
}

/** The version of the last epoch that begins at or before a sequence, by bisection. */
function newestUpTo(epochs: readonly Epoch[], sequence: number): number | undefined {
  let [low, high] = [0, epochs.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((epochs[middle]?.fromSequence ?? 0) <= sequence) low = middle + 1;
    else high = middle;
  }
  return epochs[low - 1]?.version;
}
