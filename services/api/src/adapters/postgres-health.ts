import type { Pool } from "@ethhook/kit/postgres";
import type { HealthStore } from "../core/ports.ts";
import { instant } from "./postgres-accounts.ts";
import { reachingPostgres } from "./postgres-errors.ts";

type Health = Awaited<ReturnType<HealthStore["of"]>>;

/** What delivery processes know of an endpoint in trouble; a healthy one has no row. */
export function createPostgresHealth(pool: Pool): HealthStore {
  return {
    of: (endpointId) =>
      reachingPostgres(async () => {
        const { rows } = await pool.query<Health>(
          `SELECT ${instant("h.failing_since")} AS "failingSince", coalesce(h.failures, 0) AS failures,
                  nullif(h.last_error, '') AS "lastError",
                  CASE WHEN h.open_until > now() THEN ${instant("h.open_until")} END AS "openUntil",
                  p.parked, ${instant("p.next")} AS "nextAttemptAt"
           FROM (SELECT count(*)::int AS parked, min(due_at) AS next FROM parked_deliveries WHERE endpoint_id = $1) p
           LEFT JOIN endpoint_health h ON h.endpoint_id = $1`,
          [endpointId],
        );
        const [row] = rows;
        if (row === undefined) throw new Error("a count gave no row");
        return row;
      }),
  };
}
