import pg from "pg";
import type { Logger } from "../logger.ts";

export type { Pool, PoolClient } from "pg";

export interface PostgresOptions {
  readonly url: string;
  readonly logger: Logger;
  /** Connections at most. Default 10. */
  readonly connectionsMax?: number;
  /** A query that takes longer fails. Default 30 000. */
  readonly statementTimeoutMs?: number;
}

/**
 * A pool of connections. It connects when first used and replaces lost connections by itself; a query on a lost one
 * rejects, and the caller decides. `bigint` columns arrive as numbers where they fit 2^53, as in the messages; larger ones throw.
 */
export function createPostgres(options: PostgresOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.connectionsMax ?? 10,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: options.statementTimeoutMs ?? 30_000,
    keepAlive: true,
    types: { getTypeParser: typeParser },
  });
  // While a connection is lent out, the pool does not listen: a server that dies in a transaction would end the process.
  // Whoever has it sees the rejection of its query.
  pool.on("connect", (client) => client.on("error", () => undefined));
  // Without a listener, an error on an idle connection (a restarted server) would end the process.
  pool.on("error", (error) =>
    options.logger.warn({ event: "postgres.connection-lost", err: error }, error.message),
  );
  return pool;
}

const typeParser: typeof pg.types.getTypeParser = (oid: number, format?: "text" | "binary") => {
  if (oid === pg.types.builtins.INT8 && format !== "binary") return safeInteger;
  return format === "binary" ? pg.types.getTypeParser(oid, "binary") : pg.types.getTypeParser(oid, "text");
};

function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`bigint column does not fit a number: ${text}`);
  return value;
}

/**
 * Runs `work` in one transaction on one connection; commits when it resolves, rolls back when it rejects.
 */
export async function inTransaction<T>(
  pool: pg.Pool,
  work: (client: pg.PoolClient) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query("begin");
    const result = await work(client);
    await client.query("commit");
    return result;
  } catch (error) {
    await client.query("rollback").catch((cause: Error) => {
      broken = cause;
    });
    throw error;
  } finally {
    // A connection whose rollback failed is in an unknown state: it is closed, not reused.
    client.release(broken);
  }
}
