import { PipelineError } from "@ethhook/schemas";

/** Classes of SQLSTATE that pass by themselves: connection, resources, intervention of an operator, deadlock. */
const passing = ["08", "53", "57", "40"];

/**
 * Runs database work so that "Postgres does not answer" is told from "this statement is wrong".
 * @throws PipelineError `UNAVAILABLE` in the first case; the second, a bug, is thrown as it came.
 */
export async function reachingPostgres<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { code } = cause as { code?: unknown };
    const sqlState = typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
    // What has no SQLSTATE came from the socket or the pool, not from the server.
    const unreachable = sqlState === undefined ? isFromDriver(cause) : passing.includes(sqlState.slice(0, 2));
    if (!unreachable) throw cause;
    throw new PipelineError("UNAVAILABLE", "retry", "PostgreSQL does not answer.", { cause });
  }
}

const uniqueViolation = "23505";

export function isUniqueViolation(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === uniqueViolation;
}

function isFromDriver(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof PipelineError) return false;
  return !(error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError);
}

/** Whether a CHECK over a column (as Postgres names it: `table_column_check`) refused the statement. */
export function isCheckViolation(error: unknown, column: string): boolean {
  const { code, constraint } = (error ?? {}) as { code?: unknown; constraint?: unknown };
  return code === "23514" && String(constraint).endsWith(`_${column}_check`);
}
