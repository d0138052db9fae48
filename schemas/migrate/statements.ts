/**
 * The statements of a ClickHouse migration, comments removed: its HTTP interface takes one at a time.
 * A semicolon or `--` inside a quoted text would be cut, so migrations have none (a test reads them all).
 */
export function statementsOf(sql: string): readonly string[] {
  return sql
    .split("\n")
    .filter((line) => !line.trimStart().startsWith("--"))
    .join("\n")
    .split(";")
    .map((statement) => statement.trim())
    .filter((statement) => statement !== "");
}

/**
 * Whether a statement may run twice. ClickHouse has no transactions: a crash in the middle of a migration runs its
 * first statements again.
 */
export function isRepeatable(statement: string): boolean {
  return (
    /^CREATE (TABLE|VIEW|DICTIONARY|MATERIALIZED VIEW) IF NOT EXISTS /.test(statement) ||
    /^CREATE OR REPLACE (VIEW|DICTIONARY|FUNCTION) /.test(statement) ||
    /^DROP \w+( VIEW)? IF EXISTS /.test(statement) ||
    // Into a replacing table: a row that comes twice is one.
    /^INSERT INTO \w+\s+SELECT /.test(statement) ||
    /^ALTER TABLE \w+\s+(ADD (COLUMN|INDEX|PROJECTION) IF NOT EXISTS|(DROP|RENAME) (COLUMN|INDEX|PROJECTION) IF EXISTS|MODIFY|COMMENT) ?/.test(
      statement,
    )
  );
}
