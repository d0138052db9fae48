import { randomUUID } from "node:crypto";
import { PipelineError } from "@ethhook/schemas";
import type { ClickHouse } from "./clickhouse-client.ts";

const lockTable = "migrations_lock";
/** A holder that has not renewed for so long is dead. Longer than any single statement of a migration takes. */
const staleAfterSeconds = 60;
const waitMaxMs = 120_000;
const pollMs = 200;

/**
 * Runs `work` while no other migrator does. ClickHouse has neither advisory locks nor transactions, but creating a table
 * is atomic: who creates the lock table holds the lock. A holder that died is found by the age of the table's comment
 * (the server's clock) and replaced by renaming its table away, which only one of the waiting ones can do.
 */
export async function withLock<T>(
  db: ClickHouse,
  work: (renew: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const owner = randomUUID();
  await acquire(db, owner);
  const isHeld = async (): Promise<boolean> => {
    const [held] = await db.rows<{ comment: string }>(
      `SELECT comment FROM system.tables WHERE database = currentDatabase() AND name = '${lockTable}'`,
    );
    return held?.comment.startsWith(owner) === true;
  };
  const renew = async (): Promise<void> => {
    if (!(await isHeld())) {
      throw new PipelineError("MIGRATION_REFUSED", "retry", "another migrator took over; run this again");
    }
    await db.command(`ALTER TABLE ${lockTable} MODIFY COMMENT '${owner} ${randomUUID()}'`);
  };
  try {
    return await work(renew);
  } finally {
    // Who held it for too long has lost it: what stands there now is another's.
    if (await isHeld()) await db.command(`DROP TABLE IF EXISTS ${lockTable} SYNC`);
  }
}

async function acquire(db: ClickHouse, owner: string): Promise<void> {
  const deadlineMs = Date.now() + waitMaxMs;
  for (;;) {
    const made = await db.tryCommand(
      `CREATE TABLE ${lockTable} (nothing UInt8) ENGINE = Memory COMMENT '${owner}'`,
      "TABLE_ALREADY_EXISTS",
    );
    if (made) return;
    await removeStale(db);
    if (Date.now() > deadlineMs) {
      throw new PipelineError(
        "MIGRATION_REFUSED",
        "retry",
        `another migrator holds ${lockTable}; if none runs, drop that table`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function removeStale(db: ClickHouse): Promise<void> {
  const [stale] = await db.rows<{ name: string }>(
    `SELECT name FROM system.tables WHERE database = currentDatabase() AND name = '${lockTable}'
     AND metadata_modification_time < now() - ${staleAfterSeconds}`,
  );
  if (stale === undefined) return;
  const grave = `${lockTable}_${randomUUID().replaceAll("-", "")}`;
  if (await db.tryCommand(`RENAME TABLE ${lockTable} TO ${grave}`, "UNKNOWN_TABLE")) {
    await db.command(`DROP TABLE IF EXISTS ${grave} SYNC`);
  }
}
