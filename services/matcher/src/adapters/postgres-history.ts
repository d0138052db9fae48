import type { Pool } from "@ethhook/kit/postgres";
import type { FilterVersion } from "../core/filter-set.ts";
import type { FilterHistory, ListRows } from "../core/ports.ts";

const pageRows = 2_000;
const pageAddresses = 10_000;
const addressBytes = 20;

interface Row {
  readonly version: number;
  readonly endpoint_id: string;
  readonly application_id: string;
  readonly user_id: string;
  readonly subscription: FilterVersion["subscription"];
  readonly created_at_ms: number;
}

const createdAt = "(extract(epoch FROM created_at) * 1000)::float8 AS created_at_ms";
const columns = `version, endpoint_id, application_id, user_id, subscription, ${createdAt}`;
const listId = "(SELECT id FROM address_lists WHERE user_id = $1 AND name = $2)";

/** Filters and lists in Postgres. */
export function createPostgresHistory(pool: Pool): FilterHistory {
  async function number(text: string, values: readonly unknown[] = []): Promise<number> {
    const { rows } = await pool.query<{ version: number }>(text, [...values]);
    return rows[0]?.version ?? 0;
  }

  /** Pages of a list by address. Addresses of one page with the same versions come together, as one text. */
  async function* pages(condition: string, values: readonly unknown[]): AsyncGenerator<ListRows> {
    let after: Buffer = Buffer.alloc(0);
    for (;;) {
      const { rows } = await pool.query<{
        from_version: number;
        until_version: number | null;
        all: Buffer;
        last: Buffer;
        count: number;
      }>(
        `WITH page AS (SELECT address, from_version, until_version FROM address_list_entries
           WHERE list_id = ${listId} AND ${condition} AND address > $${values.length + 1}
           ORDER BY address LIMIT ${pageAddresses})
         SELECT from_version, until_version, string_agg(address, ''::bytea) AS all,
           (SELECT max(address) FROM page) AS last, (SELECT count(*) FROM page)::int AS count
         FROM page GROUP BY from_version, until_version`,
        [...values, after],
      );
      for (const row of rows) {
        yield { addresses: split(row.all), fromVersion: row.from_version, untilVersion: row.until_version };
      }
      const [first] = rows;
      if (first === undefined || first.count < pageAddresses) return;
      after = first.last;
    }
  }

  return {
    versionBefore: (ageMs) =>
      number(
        `SELECT greatest(
           (SELECT coalesce(max(version), 0) FROM filter_versions WHERE created_at < now() - $1 * interval '1 ms'),
           (SELECT coalesce(max(version), 0) FROM address_list_changes WHERE created_at < now() - $1 * interval '1 ms')) AS version`,
        [ageMs],
      ),
    head: () => number("SELECT version FROM filter_head"),
    async *stateAt(version) {
      for (let after = 0; ;) {
        const { rows } = await pool.query<Row>(
          `SELECT ${columns} FROM filter_versions AS row
           WHERE version <= $1 AND version > $2 AND subscription IS NOT NULL AND NOT EXISTS (
             SELECT 1 FROM filter_versions AS later WHERE later.endpoint_id = row.endpoint_id
               AND later.version > row.version AND later.version <= $1)
           ORDER BY version LIMIT ${pageRows}`,
          [version, after],
        );
        yield rows.map(toVersion);
        const last = rows.at(-1);
        if (last === undefined || rows.length < pageRows) return;
        after = last.version;
      }
    },
    async between(after, upTo) {
      const text = `SELECT ${columns} FROM filter_versions WHERE version > $1 AND version <= $2 ORDER BY version`;
      const { rows } = await pool.query<Row>(text, [after, upTo]);
      return rows.map(toVersion);
    },
    async changesBetween(after, upTo) {
      const { rows } = await pool.query<{
        version: number;
        user_id: string;
        name: string;
        created_at_ms: number;
      }>(
        `SELECT version, user_id, name, (extract(epoch FROM changes.created_at) * 1000)::float8 AS created_at_ms
         FROM address_list_changes AS changes JOIN address_lists ON id = list_id
         WHERE version > $1 AND version <= $2 ORDER BY version`,
        [after, upTo],
      );
      return rows.map((row) => ({
        version: row.version,
        userId: row.user_id,
        name: row.name,
        createdAtMs: row.created_at_ms,
      }));
    },
    list: (userId, name, since, upTo) =>
      pages("from_version <= $4 AND (until_version IS NULL OR until_version > $3)", [
        userId,
        name,
        since,
        upTo,
      ]),
    listChange: (userId, name, version) =>
      pages("(from_version = $3 OR until_version = $3)", [userId, name, version]),
  };
}

function toVersion(row: Row): FilterVersion {
  const { version, subscription } = row;
  return {
    version,
    endpointId: row.endpoint_id,
    applicationId: row.application_id,
    userId: row.user_id,
    subscription,
    createdAtMs: row.created_at_ms,
  };
}

function split(joined: Buffer): string[] {
  const digits = joined.toString("hex");
  return Array.from(
    { length: joined.length / addressBytes },
    (_, index) => `0x${digits.slice(index * addressBytes * 2, (index + 1) * addressBytes * 2)}`,
  );
}
