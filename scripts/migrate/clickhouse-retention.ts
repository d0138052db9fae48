import type { ClickHouse } from "./clickhouse-client.ts";

/** Days that rows are kept, counted from their arrival, so that a back-fill of old blocks is not deleted at once. */
export interface Retention {
  readonly logsDays: number;
  /** Attempts and the webhooks they belong to. */
  readonly attemptsDays: number;
}

export const retentionDefault: Retention = { logsDays: 90, attemptsDays: 30 };

/** Sets the TTL of the tables where it differs. Blocks and statistics have none of this: they are small. */
export async function applyRetention(db: ClickHouse, retention: Retention): Promise<readonly string[]> {
  const wanted = {
    logs: retention.logsDays,
    attempts: retention.attemptsDays,
    troubled_attempts: retention.attemptsDays,
    deliveries: retention.attemptsDays,
  };
  const standing = await db.rows<{ name: string; create_table_query: string }>(
    "SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()",
  );
  const changed = Object.entries(wanted).filter(([table, days]) => {
    const query = standing.find(({ name }) => name === table)?.create_table_query ?? "";
    return !query.includes(`TTL ingested_at + toIntervalDay(${days})`);
  });
  for (const [table, days] of changed) {
    await db.command(`ALTER TABLE ${table} MODIFY TTL ingested_at + toIntervalDay(${days})`);
  }
  return changed.map(([table, days]) => `${table} ${days} days`);
}
