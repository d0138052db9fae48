import { inTransaction, type Pool } from "@ethhook/kit/postgres";
import type { AddressListResource } from "@ethhook/schemas/api";
import type { AddressListStore } from "../core/ports.ts";
import { instant } from "./postgres-accounts.ts";
import { isCheckViolation, reachingPostgres } from "./postgres-errors.ts";

const columns = `name, size, ${instant("created_at")} AS "createdAt"`;

/** Address lists in PostgreSQL: append-only entries, so that any past match can be computed again. */
export function createPostgresAddressLists(pool: Pool): AddressListStore {
  const list = (userId: string): Promise<AddressListResource[]> =>
    reachingPostgres(async () => {
      const sql = `SELECT ${columns} FROM address_lists WHERE user_id = $1 ORDER BY name`;
      return (await pool.query<AddressListResource>(sql, [userId])).rows;
    });

  return {
    list,
    names: async (userId) => (await list(userId)).map(({ name }) => name),
    change: (userId, name, add, remove) =>
      reachingPostgres(() =>
        inTransaction(pool, async (client) => {
          const changed = await client.query<{ version: number }>(
            "SELECT change_address_list($1, $2, $3::bytea[], $4::bytea[]) AS version",
            [userId, name, add.map(toBytes), remove.map(toBytes)],
          );
          const read = await client.query<AddressListResource>(
            `SELECT ${columns} FROM address_lists WHERE user_id = $1 AND name = $2`,
            [userId, name],
          );
          const [row] = read.rows;
          if (row === undefined) throw new Error(`the list ${name} was changed and is not there`);
          return { ...row, version: changed.rows[0]?.version ?? 0 };
        }),
      ).catch((error: unknown) => {
        if (isCheckViolation(error, "size")) return null;
        throw error;
      }),
    among: (userId, name, addresses) =>
      reachingPostgres(async () => {
        const { rows } = await pool.query<{ address: string }>(
          `SELECT '0x' || encode(e.address, 'hex') AS address
           FROM address_list_entries e JOIN address_lists l ON l.id = e.list_id
           WHERE l.user_id = $1 AND l.name = $2 AND e.until_version IS NULL AND e.address = ANY ($3::bytea[])`,
          [userId, name, addresses.map(toBytes)],
        );
        return rows.map(({ address }) => address);
      }),
    addresses: (userId, name, { after, limit }) =>
      reachingPostgres(async () => {
        const found = await pool.query<{ id: number }>(
          "SELECT id FROM address_lists WHERE user_id = $1 AND name = $2",
          [userId, name],
        );
        const [row] = found.rows;
        if (row === undefined) return null;
        const page = await pool.query<{ address: string }>(
          `SELECT '0x' || encode(address, 'hex') AS address FROM address_list_entries
           WHERE list_id = $1 AND until_version IS NULL AND ($2::bytea IS NULL OR address > $2)
           ORDER BY address LIMIT $3`,
          [row.id, after === undefined ? null : toBytes(after), limit],
        );
        return page.rows.map(({ address }) => address);
      }),
  };
}

function toBytes(address: string): Buffer {
  return Buffer.from(address.slice(2), "hex");
}
