import pg from "pg";

/**
 * A pool for a test's own questions. An engine that stops may still say goodbye to a connection that is just being closed:
 * without a listener, that would end the test run.
 */
export function testPool(connectionString: string, max = 2): pg.Pool {
  const pool = new pg.Pool({ connectionString, max });
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}
