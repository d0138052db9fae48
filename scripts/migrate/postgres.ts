import { planMigrations, readMigrations, type Applied, type Migration } from "@ethhook/schemas/migrate";
import { PipelineError } from "@ethhook/schemas";
import pg from "pg";

/** One number for all of EthHook's migrators, so that they wait for each other. */
const advisoryLock = 4_242_001;
/** How long a migrator waits for another one before it gives up. */
const lockTimeoutMs = 60_000;

export interface MigrateReport {
  /** Names of the steps that this call applied; empty when the database was up to date. */
  readonly applied: readonly string[];
}

/**
 * Brings a Postgres database to the shape of this version: each missing step in a transaction of its own, under an
 * advisory lock, so that processes that start together are safe and a crash leaves no half step.
 * @param url `postgres://user:password@host:port/database`; the database must exist.
 * @throws PipelineError `DATABASE_UNREACHABLE` or `MIGRATION_REFUSED`.
 */
export async function migratePostgres(url: string): Promise<MigrateReport> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  // A connection that breaks while idle would otherwise end the process; the next query reports it.
  client.on("error", () => {});
  try {
    await client.connect();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PipelineError(
      "DATABASE_UNREACHABLE",
      "retry",
      `Postgres at ${hostOf(url)} does not answer: ${reason}`,
      { cause },
    );
  }
  try {
    await client.query(`SET lock_timeout = ${lockTimeoutMs}`);
    await client.query("SELECT pg_advisory_lock($1)", [advisoryLock]);
    const applied = await readApplied(client);
    const missing = planMigrations(readMigrations("postgres"), applied);
    for (const migration of missing) await applyOne(client, migration);
    return { applied: missing.map(({ name }) => name) };
  } finally {
    // Closing the session gives the lock back, also after an error.
    await client.end();
  }
}

async function readApplied(client: pg.Client): Promise<readonly Applied[]> {
  await client.query(`CREATE TABLE IF NOT EXISTS schema_migrations (
    number int PRIMARY KEY, name text NOT NULL, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
  const { rows } = await client.query<Applied>(
    "SELECT number, name, checksum FROM schema_migrations ORDER BY number",
  );
  return rows;
}

async function applyOne(client: pg.Client, { number, name, checksum, sql }: Migration): Promise<void> {
  try {
    await client.query("BEGIN");
    await client.query(sql);
    await client.query("INSERT INTO schema_migrations (number, name, checksum) VALUES ($1, $2, $3)", [
      number,
      name,
      checksum,
    ]);
    await client.query("COMMIT");
  } catch (cause) {
    await client.query("ROLLBACK").catch(() => {});
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PipelineError("MIGRATION_REFUSED", "crash", `${name} failed and was rolled back: ${reason}`, {
      cause,
    });
  }
}

/** Where a URL points, without the password in it. */
function hostOf(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return `${host}${pathname}`;
  } catch {
    return "an address that is no URL";
  }
}
