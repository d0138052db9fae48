import type { Pool } from "@ethhook/kit/postgres";
import type { ParkedResource } from "@ethhook/schemas/api";
import type { ParkedStore } from "../core/ports.ts";
import { instant } from "./postgres-accounts.ts";
import { reachingPostgres } from "./postgres-errors.ts";

const columns = `webhook_id AS "webhookId", replay, reason, attempts_made AS "attemptsMade",
  ${instant("due_at")} AS "dueAt", ${instant("parked_at")} AS "parkedAt"`;

/** Deliveries that wait in PostgreSQL; their owner, a delivery process, is woken by the functions that change them. */
export function createPostgresParked(pool: Pool): ParkedStore {
  const change = (name: "retry_parked" | "cancel_parked") => (endpointId: string, webhookId: string | null) =>
    reachingPostgres(async () => {
      const sql = `SELECT ${name}($1, $2) AS count`;
      return (await pool.query<{ count: number }>(sql, [endpointId, webhookId])).rows[0]?.count ?? 0;
    });

  return {
    list: (endpointId, limit) =>
      reachingPostgres(async () => {
        const [items, counted] = await Promise.all([
          pool.query<ParkedResource>(
            `SELECT ${columns} FROM parked_deliveries WHERE endpoint_id = $1 ORDER BY due_at, position LIMIT $2`,
            [endpointId, limit],
          ),
          pool.query<{ total: number }>(
            "SELECT count(*) AS total FROM parked_deliveries WHERE endpoint_id = $1",
            [endpointId],
          ),
        ]);
        return { items: items.rows, total: counted.rows[0]?.total ?? 0 };
      }),
    find: (userId, webhookId) =>
      reachingPostgres(async () => {
        const { rows } = await pool.query<ParkedResource>(
          `SELECT ${columns} FROM parked_deliveries WHERE webhook_id = $1 AND user_id = $2 ORDER BY replay LIMIT 1`,
          [webhookId, userId],
        );
        return rows[0] ?? null;
      }),
    retry: change("retry_parked"),
    cancel: change("cancel_parked"),
  };
}
