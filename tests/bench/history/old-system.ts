import pg from "pg";

/**
 * The database that EthHook's predecessor had: events and delivery attempts with the indexes that it made, and the statements
 * behind the numbers of its dashboard. Without foreign keys, which would only make the filling slower.
 */
const tables = `
CREATE TABLE applications (id uuid PRIMARY KEY, user_id text NOT NULL);
CREATE TABLE endpoints (id uuid PRIMARY KEY, application_id uuid NOT NULL, name text NOT NULL);
CREATE TABLE events (
  id uuid NOT NULL,
  block_number bigint NOT NULL,
  block_hash varchar(66) NOT NULL,
  transaction_hash varchar(66) NOT NULL,
  log_index integer NOT NULL,
  contract_address varchar(42) NOT NULL,
  topics text[] NOT NULL,
  data text NOT NULL,
  ingested_at timestamptz NOT NULL,
  processed_at timestamptz
);
CREATE TABLE delivery_attempts (
  id uuid NOT NULL,
  event_id uuid NOT NULL,
  endpoint_id uuid NOT NULL,
  attempt_number integer NOT NULL,
  http_status_code integer,
  response_body text,
  error_message text,
  attempted_at timestamptz NOT NULL,
  completed_at timestamptz,
  duration_ms integer,
  success boolean,
  should_retry boolean,
  next_retry_at timestamptz
);`;

const indexes = [
  "ALTER TABLE events ADD PRIMARY KEY (id)",
  "ALTER TABLE events ADD UNIQUE (transaction_hash, log_index)",
  "CREATE INDEX ON events (block_number DESC)",
  "CREATE INDEX ON events (contract_address)",
  "CREATE INDEX ON events (transaction_hash)",
  "CREATE INDEX ON events (ingested_at DESC)",
  "CREATE INDEX ON applications (user_id)",
  "CREATE INDEX ON endpoints (application_id)",
  "ALTER TABLE delivery_attempts ADD PRIMARY KEY (id)",
  "CREATE INDEX ON delivery_attempts (event_id)",
  "CREATE INDEX ON delivery_attempts (endpoint_id)",
  "CREATE INDEX ON delivery_attempts (next_retry_at) WHERE should_retry",
  "CREATE INDEX ON delivery_attempts (attempted_at DESC)",
];

const owned = `JOIN delivery_attempts da ON e.id = da.event_id
  JOIN endpoints ep ON da.endpoint_id = ep.id
  JOIN applications a ON ep.application_id = a.id
  WHERE a.user_id = $1`;
const dashboard = [
  `SELECT count(DISTINCT e.id) FROM events e ${owned} AND e.ingested_at >= now() - interval '24 hours'`,
  `SELECT count(DISTINCT e.id) FROM events e ${owned}`,
  `SELECT count(*), count(*) FILTER (WHERE da.success), avg(da.duration_ms) FROM events e ${owned}`,
];

const uuidOf = (text: string): string => `reinterpretAsUUID(MD5(${text}))`;
const instant = (column: string): string => `concat(toString(${column}, 'UTC'), '+00')`;
const hex = (column: string): string => `concat('0x', lower(hex(${column})))`;

/** The same rows, as ClickHouse hands them over for COPY. */
const exports = {
  applications: `SELECT DISTINCT ${uuidOf("application_id")}, user_id FROM attempts`,
  endpoints: `SELECT DISTINCT ${uuidOf("endpoint_id")}, ${uuidOf("application_id")}, endpoint_id FROM attempts`,
  events: `SELECT ${uuidOf(`concat(toString(chain_id), ':', ${hex("block_hash")}, ':', toString(log_index))`)},
    block_number, ${hex("block_hash")}, ${hex("transaction_hash")}, log_index, ${hex("address")},
    concat('{', arrayStringConcat(arraySlice([${[0, 1, 2, 3].map((n) => hex(`topic${n}`)).join(", ")}], 1, topic_count), ','), '}'),
    ${hex("data")}, ${instant("seen_at")}, ${instant("seen_at")}
    FROM logs`,
  delivery_attempts: `SELECT ${uuidOf("attempt_id")}, ${uuidOf("event_id")}, ${uuidOf("endpoint_id")}, attempt,
    nullIf(status_code, 0), response_body, nullIf(error, ''), ${instant("started_at")},
    ${instant("started_at + toIntervalMillisecond(toInt64(total_ms))")}, toInt32(total_ms),
    outcome = 'delivered' ? 't' : 'f', next_attempt_at IS NULL ? 'f' : 't',
    if(next_attempt_at IS NULL, NULL, ${instant("assumeNotNull(next_attempt_at)")})
    FROM attempts ORDER BY started_at`,
} as const;

export interface OldSystem extends AsyncDisposable {
  /** Bytes on disk of both tables with their indexes. */
  bytes(): Promise<number>;
  /** Milliseconds of the dashboard's statements for one user. */
  dashboardMs(userId: string): Promise<number>;
}

/**
 * Makes the database `old` and fills it with the rows that ClickHouse holds.
 * @param clickhouse query text → its answer as tab-separated text.
 */
export async function createOldSystem(
  serverUrl: string,
  clickhouse: (query: string) => Promise<AsyncIterable<Uint8Array>>,
  progress: (line: string) => void,
): Promise<OldSystem> {
  const server = new pg.Client({ connectionString: serverUrl });
  await server.connect();
  await server.query("CREATE DATABASE old");
  await server.end();
  const url = new URL(serverUrl);
  url.pathname = "/old";
  const db = new pg.Client({ connectionString: url.href });
  // A connection that ends with its server is no failure of its own; a statement that fails says so.
  db.on("error", () => undefined);
  await db.connect();
  // As much memory as an administrator would give it here.
  await db.query("SET work_mem = '256MB'");
  await db.query("SET maintenance_work_mem = '1GB'");
  await db.query(tables);
  for (const [table, query] of Object.entries(exports)) {
    progress(`Postgres, old schema: copying ${table}`);
    await copyIn(db, table, await clickhouse(query));
  }
  for (const statement of indexes) {
    progress(`Postgres, old schema: ${statement}`);
    await db.query(statement);
  }
  await db.query("VACUUM ANALYZE");
  return {
    async bytes() {
      const { rows } = await db.query<{ bytes: string }>(
        "SELECT pg_total_relation_size('events') + pg_total_relation_size('delivery_attempts') AS bytes",
      );
      return Number(rows[0]?.bytes);
    },
    async dashboardMs(userId) {
      const startedMs = performance.now();
      for (const statement of dashboard) await db.query(statement, [userId]);
      return performance.now() - startedMs;
    },
    [Symbol.asyncDispose]: () => db.end(),
  };
}

/** What pg's own connection can do, though its types do not say so. */
interface CopyConnection {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
  sendCopyFail(reason: string): void;
  readonly stream: { readonly writableNeedDrain: boolean; once(event: "drain", then: () => void): void };
}

async function copyIn(db: pg.Client, table: string, source: AsyncIterable<Uint8Array>): Promise<void> {
  const done = Promise.withResolvers<void>();
  const query = new pg.Query(`COPY ${table} FROM STDIN`, [], (error?: Error | null) =>
    error === null || error === undefined ? done.resolve() : done.reject(error),
  );
  Object.assign(query, {
    handleCopyInResponse(connection: CopyConnection) {
      pump(source, connection).catch((error: unknown) => connection.sendCopyFail(String(error)));
    },
  });
  db.query(query);
  await done.promise;
}

async function pump(source: AsyncIterable<Uint8Array>, connection: CopyConnection): Promise<void> {
  for await (const chunk of source) {
    connection.sendCopyFromChunk(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    if (connection.stream.writableNeedDrain)
      await new Promise<void>((resolve) => connection.stream.once("drain", resolve));
  }
  connection.endCopyFrom();
}
