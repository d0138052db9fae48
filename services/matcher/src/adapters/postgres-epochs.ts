import { setTimeout as delay } from "node:timers/promises";
import { randomUUID } from "node:crypto";
import type { Logger } from "@ethhook/kit";
import { inTransaction, type Pool } from "@ethhook/kit/postgres";
import type { Epoch } from "../core/epochs.ts";
import type { EpochLog, LogPartition } from "../core/ports.ts";

/** Epochs of one group in Postgres: read when partitions are assigned, written before a version's first use. */
export interface PostgresEpochs extends EpochLog {
  /**
   * Takes partitions over: whoever had them can record nothing more.
   * @returns their recorded epochs, ascending, by `epochKey`.
   */
  claim(partitions: readonly LogPartition[]): Promise<ReadonlyMap<string, readonly Epoch[]>>;
  /** Gives up what is being retried. */
  stop(): void;
}

/** Newest epochs of a partition that are kept in memory: more changes than a reorg can reach back over. */
const epochsMax = 10_000;
const retryMs = 500;
/** An assignment waits so long for Postgres before the process gives up and is restarted. */
const claimTimeoutMs = 60_000;

export function epochKey({ chainId, partition }: Pick<LogPartition, "chainId" | "partition">): string {
  return `${chainId}:${partition}`;
}

/** The newest epochs of partitions that begin after a sequence of each, ascending, by `epochKey`. */
export async function readEpochs(
  pool: Pool,
  groupId: string,
  partitions: readonly (Pick<LogPartition, "chainId" | "partition"> & { readonly after: number })[],
): Promise<ReadonlyMap<string, readonly Epoch[]>> {
  const { rows } = await pool.query<{
    chain_id: number;
    partition: number;
    from_sequence: number;
    version: number;
  }>(
    `SELECT newest.chain_id, newest.partition, from_sequence, version
       FROM unnest($2::bigint[], $3::int[], $4::bigint[]) AS wanted (chain, part, after), LATERAL (
         SELECT chain_id, partition, from_sequence, version FROM matcher_epochs
         WHERE group_id = $1 AND chain_id = chain AND partition = part AND from_sequence > after
         ORDER BY from_sequence DESC LIMIT ${epochsMax}) AS newest
       ORDER BY from_sequence`,
    [
      groupId,
      partitions.map((one) => one.chainId),
      partitions.map((one) => one.partition),
      partitions.map((one) => one.after),
    ],
  );
  const byPartition = Map.groupBy(rows, (row) =>
    epochKey({ chainId: row.chain_id, partition: row.partition }),
  );
  return new Map(
    [...byPartition].map(([key, found]) => [
      key,
      found.map((row) => ({ fromSequence: row.from_sequence, version: row.version })),
    ]),
  );
}

interface Pending {
  readonly partition: LogPartition;
  readonly epoch: Epoch;
  readonly done: PromiseWithResolvers<boolean>;
}

export function createPostgresEpochs(groupId: string, pool: Pool, logger: Logger): PostgresEpochs {
  const owner = randomUUID();
  const aborted = new AbortController();
  let pending: Pending[] = [];
  let writing = false;

  /** Partitions meet a new version at about the same time: their epochs travel in one statement. */
  async function write(): Promise<void> {
    if (writing) return;
    writing = true;
    while (pending.length > 0 && !aborted.signal.aborted) {
      const batch = pending;
      pending = [];
      try {
        const held = await insert(batch);
        for (const { partition, epoch, done } of batch)
          done.resolve(held.has(`${epochKey(partition)}:${epoch.fromSequence}`));
      } catch (error) {
        // Partitions wait: to match with a version that may not be recorded could not be repeated.
        logger.warn(
          { event: "epochs.write-failed", err: error },
          "Epochs could not be recorded: tried again",
        );
        pending = [...batch, ...pending];
        await delay(retryMs, undefined, { signal: aborted.signal }).catch(() => undefined);
      }
    }
    writing = false;
  }

  /** @returns the epochs that stand as they were asked for, also when an earlier try had written them. */
  async function insert(batch: readonly Pending[]): Promise<ReadonlySet<string>> {
    const wanted = [
      groupId,
      batch.map(({ partition }) => partition.chainId),
      batch.map(({ partition }) => partition.partition),
      batch.map(({ epoch }) => epoch.fromSequence),
      batch.map(({ epoch }) => epoch.version),
    ];
    return inTransaction(pool, async (client) => {
      // The lock makes a new owner wait until this is written, so that it reads it; after the new owner, nothing is written.
      await client.query(
        `INSERT INTO matcher_epochs (group_id, chain_id, partition, from_sequence, version)
         SELECT $1, chain, part, sequence, version
         FROM unnest($2::bigint[], $3::int[], $4::bigint[], $5::bigint[]) AS wanted (chain, part, sequence, version)
         JOIN matcher_owners ON group_id = $1 AND chain_id = chain AND partition = part AND owner = $6
         FOR SHARE OF matcher_owners
         ON CONFLICT DO NOTHING`,
        [...wanted, owner],
      );
      const { rows } = await client.query<{ chain: number; part: number; sequence: number }>(
        `SELECT chain, part, sequence
         FROM unnest($2::bigint[], $3::int[], $4::bigint[], $5::bigint[]) AS wanted (chain, part, sequence, version)
         JOIN matcher_epochs AS held ON group_id = $1 AND chain_id = chain AND partition = part
           AND from_sequence = sequence AND held.version = wanted.version`,
        wanted,
      );
      return new Set(
        rows.map((row) => `${epochKey({ chainId: row.chain, partition: row.part })}:${row.sequence}`),
      );
    });
  }

  async function claim(partitions: readonly LogPartition[]): Promise<ReadonlyMap<string, readonly Epoch[]>> {
    const which = [groupId, partitions.map((one) => one.chainId), partitions.map((one) => one.partition)];
    await pool.query(
      `INSERT INTO matcher_owners (group_id, chain_id, partition, owner)
         SELECT $1, chain, part, $4 FROM unnest($2::bigint[], $3::int[]) AS wanted (chain, part) ORDER BY chain, part
         ON CONFLICT (group_id, chain_id, partition) DO UPDATE SET owner = excluded.owner, assigned_at = now()`,
      [...which, owner],
    );
    return readEpochs(
      pool,
      groupId,
      partitions.map((one) => ({ ...one, after: -1 })),
    );
  }

  return {
    async claim(partitions) {
      const until = Date.now() + claimTimeoutMs;
      for (;;) {
        try {
          return await claim(partitions);
        } catch (error) {
          if (Date.now() > until || aborted.signal.aborted) throw error;
          logger.warn(
            { event: "epochs.claim-failed", err: error },
            "Partitions could not be taken over: tried again",
          );
          await delay(retryMs, undefined, { signal: aborted.signal }).catch(() => undefined);
        }
      }
    },
    record(partition, epoch) {
      const done = Promise.withResolvers<boolean>();
      pending.push({ partition, epoch, done });
      void write();
      return done.promise;
    },
    stop: () => aborted.abort(),
  };
}
