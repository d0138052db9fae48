import { ClickHouseError, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import { PipelineError } from "@ethhook/schemas";

/** Questions to ClickHouse. */
export interface ClickHouse {
  /**
   * Rows of a query with `{name:Type}` parameters.
   * @throws PipelineError `UNAVAILABLE` when the server does not answer; a wrong query is a bug and throws as it came.
   */
  rows<T>(query: string, params: Readonly<Record<string, unknown>>): Promise<T[]>;
  close(): Promise<void>;
}

const requestTimeoutMs = 20_000;
/** A search reads at most so much; beyond it, it is refused rather than slowing others. */
const executionSecondsMax = 15;

/** @param url may carry user and password. */
export function createClickHouse(url: string, database: string): ClickHouse {
  const client = createClient({
    url,
    database,
    request_timeout: requestTimeoutMs,
    application: "ethhook-api",
    // What it reports is thrown, too, and logged with its request.
    log: { level: ClickHouseLogLevel.OFF },
    clickhouse_settings: {
      // The API only asks. On a server of one's own its user is read-only, too; the local engine knows no users.
      readonly: "2",
      max_execution_time: executionSecondsMax,
      // Times as RFC 3339, and whole numbers as numbers: none of ours is beyond 2^53.
      date_time_output_format: "iso",
      output_format_json_quote_64bit_integers: 0,
      // A page's text is small: other threads to write it take longer to wake than to write.
      output_format_parallel_formatting: 0,
      // A dashboard's questions read little: compiling their expressions would take longer than evaluating them.
      compile_expressions: 0,
      compile_aggregate_expressions: 0,
      compile_sort_description: 0,
    },
  });
  return {
    async rows<T>(query: string, params: Readonly<Record<string, unknown>>): Promise<T[]> {
      try {
        const result = await client.query({ query, query_params: { ...params }, format: "JSONEachRow" });
        return await result.json<T>();
      } catch (cause) {
        // The server answered, and said that the query is wrong.
        if (cause instanceof ClickHouseError && cause.type !== "TIMEOUT_EXCEEDED") throw cause;
        throw new PipelineError("UNAVAILABLE", "retry", "ClickHouse does not answer.", { cause });
      }
    },
    close: () => client.close(),
  };
}
