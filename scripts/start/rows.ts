import { ClickHouseLogLevel, createClient } from "@clickhouse/client";

/** What ClickHouse holds. */
export interface Rows {
  /** Rows by table; a record that was read twice may be counted twice until its parts are merged. */
  count(): Promise<Readonly<Record<string, number>>>;
  version(): Promise<string>;
  close(): Promise<void>;
}

/**
 * @param url of ClickHouse's HTTP interface.
 * @param tables those that records become rows of; what ClickHouse computes from them is not counted.
 */
export function createRows(url: string, database: string, tables: readonly string[]): Rows {
  const client = createClient({
    url,
    database,
    request_timeout: 10_000,
    // What it reports is thrown, too.
    log: { level: ClickHouseLogLevel.OFF },
  });
  async function read<T>(query: string, params: Record<string, unknown> = {}): Promise<T[]> {
    const result = await client.query({ query, query_params: params, format: "JSONEachRow" });
    return result.json<T>();
  }
  return {
    async count() {
      const counted = await read<{ name: string; rows: string }>(
        `SELECT name, toString(total_rows) AS rows FROM system.tables
         WHERE database = currentDatabase() AND name IN {tables:Array(String)} ORDER BY name`,
        { tables },
      );
      return Object.fromEntries(counted.map(({ name, rows }) => [name, Number(rows)]));
    },
    version: async () => (await read<{ version: string }>("SELECT version() AS version"))[0]?.version ?? "",
    close: () => client.close(),
  };
}
