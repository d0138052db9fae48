import type { Logger } from "@ethhook/kit";
import { inTransaction, type Pool } from "@ethhook/kit/postgres";
import type { BatchStore } from "../core/blocks.ts";
import type { Parked, ParkingLot } from "../core/ports.ts";
import { upsertParked, upsertValues, type UpsertedRow } from "./parked-rows.ts";
import { createWriteQueue } from "./write-queue.ts";

interface Park {
  readonly kind: "park";
  readonly parked: Parked;
  readonly members?: readonly string[];
}

type Write = Park | { readonly kind: "remove"; readonly webhookId: string; readonly replay: boolean };

export interface PostgresParking extends ParkingLot, BatchStore {
  readonly pendingWrites: number;
  stop(budgetMs: number): Promise<void>;
}

export interface ParkingDeps {
  readonly pool: Pool;
  readonly logger: Logger;
  /** Hears of each row that was written. @param isNew false when it replaced one. */
  readonly onParked: (parked: Parked, isNew: boolean) => void;
}

const rowsPerWriteMax = 500;

const removeRows = `
  DELETE FROM parked_deliveries p USING unnest($1::text[], $2::boolean[]) AS t(webhook_id, replay)
  WHERE p.webhook_id = t.webhook_id AND p.replay = t.replay`;
const addMembers = `
  INSERT INTO batch_members (webhook_id, batch_id) SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING`;

/** Parked deliveries in Postgres: written many at a time, in the order of the calls. */
export function createPostgresParking({ pool, logger, onParked }: ParkingDeps): PostgresParking {
  const queue = createWriteQueue<Write>({
    name: "parked deliveries",
    batchMax: rowsPerWriteMax,
    logger,
    flush,
    reduce: (write) => (write.kind === "park" ? withoutHistory(write) : undefined),
  });
  const lookups = createWriteQueue<readonly string[], ReadonlySet<string>>({
    name: "batched deliveries",
    batchMax: 50,
    logger,
    flush: async (lists) => {
      const { rows } = await pool.query<{ webhook_id: string }>(
        "SELECT webhook_id FROM batch_members WHERE webhook_id = ANY($1)",
        [lists.flat()],
      );
      const known = new Set(rows.map((row) => row.webhook_id));
      return lists.map((ids) => new Set(ids.filter((id) => !known.has(id))));
    },
  });

  async function flush(writes: readonly Write[]): Promise<readonly void[]> {
    // The last word on each webhook: within one batch, an earlier one would be overwritten anyway.
    const last = new Map(writes.map((write) => [keyOf(write), write]));
    const parked = [...last.values()].flatMap((write) => (write.kind === "park" ? [write.parked] : []));
    const removed = [...last.values()].filter((write) => write.kind === "remove");
    const members = writes.flatMap((write) =>
      write.kind === "park"
        ? (write.members ?? []).map((id) => [id, write.parked.delivery.webhookId] as const)
        : [],
    );
    const statements: [string, unknown[]][] = [];
    if (members.length > 0) {
      statements.push([addMembers, [members.map(([id]) => id), members.map(([, batch]) => batch)]]);
    }
    if (removed.length > 0) {
      const keys = [removed.map((write) => write.webhookId), removed.map((write) => write.replay)];
      statements.push([removeRows, keys]);
    }
    if (parked.length > 0) statements.push([upsertParked, upsertValues(parked)]);
    const written = await together(statements);
    const fresh = new Set(written.filter((row) => row.fresh).map((row) => row.webhook_id));
    for (const row of parked) onParked(row, fresh.has(row.delivery.webhookId));
    return [];
  }

  /** All or nothing. @returns the rows of the last one. */
  async function together(statements: readonly [string, unknown[]][]): Promise<readonly UpsertedRow[]> {
    const [only] = statements;
    if (only !== undefined && statements.length === 1) return (await pool.query<UpsertedRow>(...only)).rows;
    return inTransaction(pool, async (client) => {
      let rows: readonly UpsertedRow[] = [];
      for (const statement of statements) rows = (await client.query<UpsertedRow>(...statement)).rows;
      return rows;
    });
  }

  return {
    park: (parked) => queue.write({ kind: "park", parked }),
    remove: (webhookId, replay) => queue.write({ kind: "remove", webhookId, replay }),
    form: (parked, members) => queue.write({ kind: "park", parked, members }),
    unbatched: (ids) => lookups.write(ids),
    get pendingWrites() {
      return queue.pending;
    },
    async stop(budgetMs) {
      await Promise.all([queue.stop(budgetMs), lookups.stop(budgetMs)]);
    },
  };
}

/** The one part of a row that strangers wrote: what receivers answered. A delivery goes out without it just as well. */
function withoutHistory(park: Park): Park | undefined {
  const { history, ...delivery } = park.parked.delivery;
  return history === undefined ? undefined : { ...park, parked: { ...park.parked, delivery } };
}

function keyOf(write: Write): string {
  return write.kind === "park"
    ? `${write.parked.delivery.webhookId}|${write.parked.replay}`
    : `${write.webhookId}|${write.replay}`;
}
