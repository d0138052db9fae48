import { PipelineError } from "@ethhook/schemas";
import {
  planMigrations,
  readMigrations,
  statementsOf,
  type Applied,
  type Migration,
} from "@ethhook/schemas/migrate";
import { createTopology, renderClickHouse, type Chain, type RenderedStream } from "@ethhook/topology";
import { openClickHouse, type ClickHouse } from "./clickhouse-client.ts";
import { applyRetention, retentionDefault, type Retention } from "./clickhouse-retention.ts";
import { withLock } from "./clickhouse-lock.ts";
import type { MigrateReport } from "./postgres.ts";

export interface ClickHouseTarget {
  /** `http://user:password@host:8123` */
  readonly url: string;
  /** Made if it is not there. */
  readonly database: string;
  /** Host:port list as ClickHouse reaches the broker, which may differ from how this process does. */
  readonly brokers: readonly string[];
  /** Named collection of the server that holds brokers and credentials; `brokers` are then not used. */
  readonly namedCollection?: string;
  readonly chains: readonly Chain[];
  /** Default: logs 90 days, attempts 30. */
  readonly retention?: Retention;
}

export interface ClickHouseReport extends MigrateReport {
  /** Tables whose Kafka part was made, or made again because its text changed. */
  readonly streams: readonly string[];
  /** Tables whose retention changed: `logs 90 days`. */
  readonly retention: readonly string[];
}

/**
 * Brings ClickHouse to the shape of this version: numbered migrations first, then the Kafka tables and their views as
 * the topology renders them. A Kafka part that changed is dropped and made again under the same group name, so it goes
 * on at the committed offset: records are repeated at most, never lost. The topics must exist.
 * Safe to run twice, and by several processes at once.
 * @throws PipelineError `DATABASE_UNREACHABLE` or `MIGRATION_REFUSED`.
 */
export async function migrateClickHouse(target: ClickHouseTarget): Promise<ClickHouseReport> {
  const db = await openClickHouse(target.url, target.database);
  try {
    return await withLock(db, async (renew) => {
      const applied = await applyMigrations(db, renew);
      const retention = await applyRetention(db, target.retention ?? retentionDefault);
      const { namedCollection, brokers } = target;
      const source = namedCollection === undefined ? { brokers } : { namedCollection };
      const rendered = renderClickHouse(createTopology(target.chains), source);
      return { applied, retention, streams: await applyStreams(db, rendered, renew) };
    });
  } finally {
    await db.close();
  }
}

async function applyMigrations(db: ClickHouse, renew: () => Promise<void>): Promise<readonly string[]> {
  await db.command(`CREATE TABLE IF NOT EXISTS migrations (
    number UInt32, name String, checksum String, applied_at DateTime('UTC') DEFAULT now()
  ) ENGINE = ReplacingMergeTree ORDER BY number`);
  const done = await db.rows<Applied>("SELECT number, name, checksum FROM migrations FINAL ORDER BY number");
  const missing = planMigrations(readMigrations("clickhouse"), done);
  for (const migration of missing) await applyOne(db, migration, renew);
  return missing.map(({ name }) => name);
}

async function applyOne(db: ClickHouse, migration: Migration, renew: () => Promise<void>): Promise<void> {
  const { number, name, checksum, sql } = migration;
  await run(db, name, statementsOf(sql), renew);
  await db.command(
    `INSERT INTO migrations (number, name, checksum) VALUES (${number}, '${name}', '${checksum}')`,
  );
}

async function applyStreams(
  db: ClickHouse,
  rendered: readonly RenderedStream[],
  renew: () => Promise<void>,
): Promise<readonly string[]> {
  const standing = await db.rows<{ name: string; comment: string }>(
    "SELECT name, comment FROM system.tables WHERE database = currentDatabase()",
  );
  const checksums = new Map(standing.map(({ name, comment }) => [name, comment]));
  const changed = rendered.filter(({ feed, checksum }) => checksums.get(feed) !== checksum);
  for (const { table, drop, create } of changed) await run(db, table, [...drop, ...create], renew);
  return changed.map(({ table }) => table);
}

async function run(
  db: ClickHouse,
  what: string,
  statements: readonly string[],
  renew: () => Promise<void>,
): Promise<void> {
  for (const statement of statements) {
    await renew();
    try {
      // A column that has its new name already was renamed by an earlier run; since then another may have its old one.
      if (/\bRENAME COLUMN\b/.test(statement)) await db.tryCommand(statement, "DUPLICATE_COLUMN");
      else await db.command(statement);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      const shown = statement.split("\n")[0] ?? "";
      throw new PipelineError("MIGRATION_REFUSED", "crash", `${what} failed at “${shown}”: ${reason}`, {
        cause,
      });
    }
  }
}
