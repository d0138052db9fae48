import { ClickHouseLogLevel, createClient, type ClickHouseClient } from "@clickhouse/client";
import { PipelineError } from "@ethhook/schemas";

/** What migrations need of ClickHouse. */
export interface ClickHouse {
  command(sql: string): Promise<void>;
  /** False when the server refuses with this error type; any other error is thrown. */
  tryCommand(sql: string, expected: string): Promise<boolean>;
  rows<T>(sql: string): Promise<readonly T[]>;
  close(): Promise<void>;
}

// Errors are thrown and told in a sentence; the client's own log would print them a second time.
const log = { level: ClickHouseLogLevel.OFF } as const;

/**
 * Opens a database, made if it is not there.
 * @throws PipelineError `DATABASE_UNREACHABLE`.
 */
export async function openClickHouse(url: string, database: string): Promise<ClickHouse> {
  const first = createClient({ url, log, request_timeout: 10_000 });
  try {
    await first.command({ query: `CREATE DATABASE IF NOT EXISTS ${database}` });
  } catch (cause) {
    const reason = reasonOf(cause);
    const { host } = new URL(url);
    throw new PipelineError(
      "DATABASE_UNREACHABLE",
      "retry",
      `ClickHouse at ${host} does not answer: ${reason}`,
      {
        cause,
      },
    );
  } finally {
    await first.close();
  }
  // Dropping a Kafka table waits for its consumers to end what they are inserting.
  return over(createClient({ url, database, log, request_timeout: 120_000 }));
}

/** A refused connection to `localhost` is an AggregateError without a message of its own. */
function reasonOf(cause: unknown): string {
  if (cause instanceof AggregateError) return cause.errors.map(reasonOf).join(", ");
  return cause instanceof Error ? cause.message : String(cause);
}

function over(client: ClickHouseClient): ClickHouse {
  const command = async (query: string): Promise<void> => {
    await client.command({ query });
  };
  return {
    command,
    async tryCommand(sql, expected) {
      try {
        await command(sql);
        return true;
      } catch (error) {
        if ((error as { type?: string }).type === expected) return false;
        throw error;
      }
    },
    async rows<T>(query: string) {
      const answer = await client.query({ query, format: "JSONEachRow" });
      return answer.json<T>();
    },
    close: () => client.close(),
  };
}
