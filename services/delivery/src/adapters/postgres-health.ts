import type { Pool } from "@ethhook/kit/postgres";
import type { Health } from "../core/health.ts";

/** Keeps what is known of endpoints in trouble over a restart or a change of their owner. */
export interface PostgresHealth {
  load(partitions: readonly number[]): Promise<readonly Health[]>;
  /** `null` forgets the endpoint. */
  store(changes: ReadonlyMap<string, Health | null>): Promise<void>;
}

interface Row {
  readonly endpoint_id: string;
  readonly partition: number;
  readonly failing_since: Date;
  readonly failures: number;
  readonly open_until: Date | null;
  readonly last_error: string;
  readonly told_at: Date | null;
}

const upsert = `
  INSERT INTO endpoint_health (endpoint_id, partition, failing_since, failures, open_until, last_error, told_at, updated_at)
  SELECT endpoint_id, partition, to_timestamp(failing_since / 1000.0), failures, to_timestamp(open_until / 1000.0), last_error,
         to_timestamp(told_at / 1000.0), now()
  FROM unnest($1::text[], $2::int[], $3::float8[], $4::int[], $5::float8[], $6::text[], $7::float8[])
    AS t(endpoint_id, partition, failing_since, failures, open_until, last_error, told_at)
  ON CONFLICT (endpoint_id) DO UPDATE
    SET partition = excluded.partition, failing_since = excluded.failing_since, failures = excluded.failures,
        open_until = excluded.open_until, last_error = excluded.last_error, told_at = excluded.told_at, updated_at = now()`;

export function createPostgresHealth(pool: Pool): PostgresHealth {
  return {
    async load(partitions) {
      const { rows } = await pool.query<Row>("SELECT * FROM endpoint_health WHERE partition = ANY($1)", [
        partitions,
      ]);
      return rows.map((row) => ({
        endpointId: row.endpoint_id,
        partition: row.partition,
        failingSinceMs: row.failing_since.getTime(),
        failures: row.failures,
        openUntilMs: row.open_until?.getTime() ?? null,
        lastError: row.last_error,
        toldAtMs: row.told_at?.getTime() ?? null,
      }));
    },
    async store(changes) {
      const kept = [...changes.values()].filter((health) => health !== null);
      const gone = [...changes].flatMap(([id, health]) => (health === null ? [id] : []));
      const column = <T>(of: (health: Health) => T) => kept.map(of);
      if (kept.length > 0) {
        await pool.query(upsert, [
          column((health) => health.endpointId),
          column((health) => health.partition),
          column((health) => health.failingSinceMs),
          column((health) => health.failures),
          column((health) => health.openUntilMs),
          column((health) => health.lastError.slice(0, 500)),
          column((health) => health.toldAtMs),
        ]);
      }
      if (gone.length > 0)
        await pool.query("DELETE FROM endpoint_health WHERE endpoint_id = ANY($1)", [gone]);
    },
  };
}
