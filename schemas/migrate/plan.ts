import { createHash } from "node:crypto";
import { PipelineError } from "../errors.ts";

/** One numbered step of a database's shape. Forward only: what was applied is never edited, the next number changes it. */
export interface Migration {
  /** 1, 2, 3 … without a hole. */
  readonly number: number;
  /** File name without its ending: `0001-accounts-and-filters`. */
  readonly name: string;
  readonly sql: string;
  /** SHA-256 of the text, 64 hex digits: how an edit of an applied step is found. */
  readonly checksum: string;
}

/** What a database says was applied. */
export type Applied = Pick<Migration, "number" | "name" | "checksum">;

/**
 * Reads the migrations of a folder from its file names and texts, in order.
 * @throws PipelineError `MIGRATION_REFUSED` for a file without a number, or a number that is missing or taken twice.
 */
export function toMigrations(files: ReadonlyMap<string, string>): readonly Migration[] {
  const migrations = [...files].map(([file, sql]) => {
    const match = /^(\d{4})-[a-z0-9-]+\.sql$/.exec(file);
    if (match === null) refuse(`${file} is not named like 0007-what-it-does.sql`);
    const checksum = createHash("sha256").update(sql).digest("hex");
    return { number: Number(match[1]), name: file.slice(0, -".sql".length), sql, checksum };
  });
  migrations.sort((a, b) => a.number - b.number);
  for (const [index, migration] of migrations.entries()) {
    if (migration.number === index + 1) continue;
    refuse(`${migration.name} stands where number ${index + 1} should: numbers have no hole and no double`);
  }
  return migrations;
}

/**
 * What is still to be applied, in order. Pure.
 * @throws PipelineError `MIGRATION_REFUSED` when an applied step was edited since, or the database is of a later EthHook.
 */
export function planMigrations(
  migrations: readonly Migration[],
  applied: readonly Applied[],
): readonly Migration[] {
  for (const done of applied) {
    const known = migrations.find((migration) => migration.number === done.number);
    if (known === undefined) {
      refuse(`the database has ${done.name}, which this version of EthHook does not know: upgrade EthHook`);
    }
    if (known.checksum !== done.checksum) {
      refuse(
        `${known.name} was edited after it was applied: restore the file, and change the shape in a new one`,
      );
    }
  }
  const numbers = new Set(applied.map((done) => done.number));
  return migrations.filter((migration) => !numbers.has(migration.number));
}

function refuse(message: string): never {
  throw new PipelineError("MIGRATION_REFUSED", "crash", message);
}
