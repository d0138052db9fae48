import { inTransaction, type Pool } from "@ethhook/kit/postgres";
import type { ApiKeyResource, ApplicationResource, UserResource } from "@ethhook/schemas/api";
import type { AccountStore, StoredKey } from "../core/ports.ts";
import { isUniqueViolation, reachingPostgres } from "./postgres-errors.ts";

const userColumns = `id, email, name, ${instant("created_at")} AS "createdAt"`;
const keyColumns = `id, name, ${instant("created_at")} AS "createdAt", ${instant("revoked_at")} AS "revokedAt"`;
const applicationColumns = `id, name, ${instant("created_at")} AS "createdAt"`;

/** RFC 3339 made by the server, so that no client's time zone or precision comes into it. */
export function instant(column: string): string {
  return `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
}

/** The condition "after the item with the id of this parameter", in the order of creation. */
export function afterItem(table: string, parameter: string): string {
  const last = `SELECT last.created_at, last.id FROM ${table} last WHERE last.id = ${parameter}`;
  return `(${parameter}::text IS NULL OR (${table}.created_at, ${table}.id) > (${last}))`;
}

const insertKey = `INSERT INTO api_keys (id, user_id, name, key_hash) VALUES ($1, $2, $3, $4) RETURNING ${keyColumns}`;

/** Users, keys and applications in PostgreSQL. */
export function createPostgresAccounts(pool: Pool): AccountStore {
  const one = <T extends object>(sql: string, values: unknown[]): Promise<T | null> =>
    reachingPostgres(async () => (await pool.query<T>(sql, values)).rows[0] ?? null);
  const many = <T extends object>(sql: string, values: unknown[]): Promise<T[]> =>
    reachingPostgres(async () => (await pool.query<T>(sql, values)).rows);
  const surely = <T>(row: T | null | undefined): T => {
    if (row === null || row === undefined) throw new Error("an INSERT … RETURNING gave no row");
    return row;
  };
  const keyValues = (userId: string, key: StoredKey): unknown[] => [key.id, userId, key.name, key.hash];

  return {
    createUser: (user, key) =>
      reachingPostgres(() =>
        inTransaction(pool, async (client) => {
          const users = await client.query<UserResource>(
            `INSERT INTO users (id, email, name) VALUES ($1, $2, $3) RETURNING ${userColumns}`,
            [user.id, user.email, user.name],
          );
          const keys = await client.query<ApiKeyResource>(insertKey, keyValues(user.id, key));
          return { user: surely(users.rows[0]), key: surely(keys.rows[0]) };
        }),
      ).catch((error: unknown) => {
        if (isUniqueViolation(error)) return null;
        throw error;
      }),
    findUser: (userId) => one<UserResource>(`SELECT ${userColumns} FROM users WHERE id = $1`, [userId]),
    async ownerOfKey(hash) {
      const sql = "SELECT user_id FROM api_keys WHERE key_hash = $1 AND revoked_at IS NULL";
      return (await one<{ user_id: string }>(sql, [hash]))?.user_id ?? null;
    },
    createKey: async (userId, key) => surely(await one<ApiKeyResource>(insertKey, keyValues(userId, key))),
    listKeys: (userId, page) =>
      many<ApiKeyResource>(
        `SELECT ${keyColumns} FROM api_keys WHERE user_id = $1 AND ${afterItem("api_keys", "$2")}
         ORDER BY created_at, id LIMIT $3`,
        [userId, page.after ?? null, page.limit],
      ),
    async revokeKey(userId, keyId) {
      const sql = `UPDATE api_keys SET revoked_at = now()
                   WHERE user_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING id`;
      return (await one(sql, [userId, keyId])) !== null;
    },
    createApplication: async (userId, application) =>
      surely(
        await one<ApplicationResource>(
          `INSERT INTO applications (id, user_id, name) VALUES ($1, $2, $3) RETURNING ${applicationColumns}`,
          [application.id, userId, application.name],
        ),
      ),
    listApplications: (userId, page) =>
      many<ApplicationResource>(
        `SELECT ${applicationColumns} FROM applications WHERE user_id = $1 AND ${afterItem("applications", "$2")}
         ORDER BY created_at, id LIMIT $3`,
        [userId, page.after ?? null, page.limit],
      ),
    findApplication: (userId, applicationId) =>
      one<ApplicationResource>(
        `SELECT ${applicationColumns} FROM applications WHERE user_id = $1 AND id = $2`,
        [userId, applicationId],
      ),
  };
}
