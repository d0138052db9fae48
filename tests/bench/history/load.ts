import { migrateClickHouse } from "@ethhook/scripts/migrate";
import { builtInChains } from "@ethhook/topology";
import type { Filled } from "./fill-worker.ts";
import { database, numberOf, poll, rowsOf, type Stage } from "./stage.ts";

/** What reading the topics gave. */
export interface Loaded {
  readonly rowsPerSecond: number;
  readonly logBytesPerRow: number;
  readonly attemptBytesPerRow: number;
  /** Bytes on disk of logs, attempts and their statistics. */
  readonly bytes: number;
  /** JSON bytes of a log over the bytes of its row; the same for attempts. */
  readonly logCompression: number;
  readonly attemptCompression: number;
}

const statistics = ["attempt_hours", "attempt_statistics"];

/** Creates the tables; ClickHouse reads the filled topics by itself, until it has every record. */
export async function loadFromTopics(
  { db, clickhouseUrl, brokers }: Stage,
  filled: Filled,
  progress: (line: string) => void,
): Promise<Loaded> {
  progress("ClickHouse: reading the topics");
  await migrateClickHouse({ url: clickhouseUrl, database, brokers, chains: builtInChains });
  const startedMs = performance.now();
  let toldMs = startedMs;
  const expected = filled.logs + filled.attempts;
  const counts = () => numberOf(db, "SELECT (SELECT count() FROM logs) + (SELECT count() FROM attempts)");
  await poll("rows in ClickHouse", counts, (rows) => {
    if (performance.now() - toldMs > 15_000) {
      toldMs = performance.now();
      progress(`ClickHouse: ${rows} of ${expected} rows`);
    }
    return rows >= expected;
  });
  const seconds = (performance.now() - startedMs) / 1_000;
  await poll(
    "webhooks in ClickHouse",
    () => numberOf(db, "SELECT count() FROM deliveries"),
    (rows) => rows >= filled.deliveries,
  );
  await addOlderWebhooks(db, filled);
  progress("ClickHouse: waiting for statistics and merges");
  await mergeWhatIsOver(db);
  await settled(db);
  const sizes = await tableBytes(db);
  const bytesPerRow = (table: string, rows: number) => (sizes.get(table) ?? 0) / rows;
  const logBytesPerRow = bytesPerRow("logs", filled.logs);
  const attemptBytesPerRow = bytesPerRow("attempts", filled.attempts);
  return {
    rowsPerSecond: expected / seconds,
    logBytesPerRow,
    attemptBytesPerRow,
    bytes: ["logs", "attempts", ...statistics].reduce((sum, table) => sum + (sizes.get(table) ?? 0), 0),
    logCompression: filled.logBytes / filled.logs / logBytesPerRow,
    attemptCompression: filled.attemptBytes / filled.attempts / attemptBytesPerRow,
  };
}

/** The rest of the webhooks, whose bodies nobody looks at, from the attempts: so that searches go through as many as there were. */
async function addOlderWebhooks(db: Stage["db"], { deliveriesFromMs }: Filled): Promise<void> {
  const before = Math.floor(deliveriesFromMs);
  await db.command({
    query: `INSERT INTO deliveries (user_id, block_time, webhook_id, application_id, endpoint_id, chain_id, block_hash, log_index,
      kind, finality, format, filter_version, why, seen_at, matched_at, origin, precedence)
      SELECT user_id, toDateTime(started_at) - 1, webhook_id, application_id, endpoint_id, chain_id,
        CAST(unhex(substring(splitByChar(':', event_id)[2], 3)) AS FixedString(32)),
        toUInt32OrZero(splitByChar(':', event_id)[3]), 'new', 'latest', 'standard', 1, 'chain', started_at, started_at, 'match', 2
      FROM attempts WHERE attempt = 1 AND started_at < fromUnixTimestamp64Milli(toInt64(${before}), 'UTC')`,
    clickhouse_settings: { max_partitions_per_insert_block: "0" },
  });
}

/** Partitions that nothing is added to: each table's setting makes one part of them after a day, for which nobody would wait. */
async function mergeWhatIsOver(db: Stage["db"]): Promise<void> {
  const over = await rowsOf<{ table: string; partition: string }>(
    db,
    `SELECT DISTINCT table, partition FROM system.parts AS part
     WHERE active AND database = currentDatabase() AND table IN ('logs', 'deliveries', 'attempts', 'troubled_attempts')
       AND partition != (SELECT max(partition) FROM system.parts WHERE active AND database = currentDatabase() AND table = part.table)`,
  );
  for (const { table, partition } of over) {
    await db.command({ query: `OPTIMIZE TABLE ${table} PARTITION '${partition}' FINAL` });
  }
}

/** Waits until hours are computed and parts are merged: the state in which a server stands most of the time. */
export async function settled(db: Stage["db"]): Promise<void> {
  const open = (table: string) =>
    `SELECT count() FROM (SELECT hour FROM ${table} GROUP BY user_id, hour HAVING max(touched_at) > max(computed_at))`;
  // The refresh marks what it computed as 30 s older, so the hours of the last rows stay open for one more.
  await poll(
    "open hours",
    () => numberOf(db, `SELECT (${open("attempt_hours")}) + (${open("webhook_hours")})`),
    (count) => count === 0,
  );
  await poll(
    "merges",
    () => numberOf(db, "SELECT count() FROM system.merges WHERE database = currentDatabase()"),
    (count) => count === 0,
  );
}

async function tableBytes(db: Stage["db"]): Promise<ReadonlyMap<string, number>> {
  const rows = await rowsOf<{ table: string; bytes: string }>(
    db,
    "SELECT table, sum(bytes_on_disk) AS bytes FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table",
  );
  return new Map(rows.map(({ table, bytes }) => [table, Number(bytes)]));
}
