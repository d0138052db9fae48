import { randomBytes } from "node:crypto";
import type { Pool, PoolClient } from "@ethhook/kit/postgres";
import { PipelineError } from "@ethhook/schemas";
import type { ReplayPlan } from "./plan.ts";
import type { ReplayRequest } from "./request.ts";
import type { ReplayState } from "./run.ts";

export interface StoredReplay extends ReplayState {
  readonly id: string;
  readonly request: ReplayRequest;
  readonly plan: ReplayPlan;
  readonly status: "running" | "done" | "cancelled";
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** Replays in Postgres: one row each. */
export interface ReplayStore {
  create(request: ReplayRequest, plan: ReplayPlan): Promise<StoredReplay>;
  /** @throws PipelineError `REPLAY_REFUSED` when there is no such replay. */
  get(id: string): Promise<StoredReplay>;
  /** Newest first. */
  list(max: number): Promise<readonly StoredReplay[]>;
  /**
   * Makes this process the only one that runs it; the lock ends with the process, however it ends.
   * @throws PipelineError `REPLAY_REFUSED` when another process runs it.
   */
  lock(id: string): Promise<() => Promise<void>>;
  /** @returns false when it was cancelled; nothing is written then. */
  save(id: string, state: ReplayState): Promise<boolean>;
  finish(id: string): Promise<void>;
  /** @returns false when it had ended already. */
  cancel(id: string): Promise<boolean>;
}

interface Row {
  id: string;
  request: ReplayRequest;
  plan: ReplayPlan;
  positions: Record<string, number>;
  status: StoredReplay["status"];
  scanned: number;
  sent: number;
  created_at: Date;
  updated_at: Date;
}

export function createReplayStore(pool: Pool): ReplayStore {
  const changed = async (text: string, values: readonly unknown[]): Promise<boolean> =>
    ((await pool.query(text, [...values])).rowCount ?? 0) > 0;
  return {
    async create(request, plan) {
      const { rows } = await pool.query<Row>(
        "INSERT INTO replays (id, request, plan) VALUES ($1, $2, $3) RETURNING *",
        [`rpl_${randomBytes(12).toString("hex")}`, JSON.stringify(request), JSON.stringify(plan)],
      );
      return only(rows, "the replay");
    },
    async get(id) {
      const { rows } = await pool.query<Row>("SELECT * FROM replays WHERE id = $1", [id]);
      return only(rows, id);
    },
    async list(max) {
      const { rows } = await pool.query<Row>("SELECT * FROM replays ORDER BY created_at DESC LIMIT $1", [
        max,
      ]);
      return rows.map(toReplay);
    },
    lock: (id) => lock(pool, id),
    save: (id, { positions, scanned, sent }) =>
      changed(
        `UPDATE replays SET positions = $2, scanned = $3, sent = $4, updated_at = now()
         WHERE id = $1 AND status <> 'cancelled'`,
        [id, JSON.stringify(positions), scanned, sent],
      ),
    async finish(id) {
      await changed(
        "UPDATE replays SET status = 'done', updated_at = now() WHERE id = $1 AND status = 'running'",
        [id],
      );
    },
    cancel: (id) =>
      changed(
        "UPDATE replays SET status = 'cancelled', updated_at = now() WHERE id = $1 AND status = 'running'",
        [id],
      ),
  };
}

/** Held by a connection of its own: it is free again when that connection is gone, also after kill -9. */
async function lock(pool: Pool, id: string): Promise<() => Promise<void>> {
  const client: PoolClient = await pool.connect();
  const { rows } = await client.query<{ held: boolean }>(
    "SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS held",
    [id],
  );
  if (rows[0]?.held === true) return async () => client.release(true);
  client.release();
  throw new PipelineError("REPLAY_REFUSED", "retry", `${id} is run by another process`);
}

function only(rows: readonly Row[], id: string): StoredReplay {
  const [row] = rows;
  if (row === undefined) {
    throw new PipelineError("REPLAY_REFUSED", "crash", `there is no replay ${id}: npm run replay -- list`);
  }
  return toReplay(row);
}

function toReplay(row: Row): StoredReplay {
  const { id, request, plan, positions, status, scanned, sent, created_at, updated_at } = row;
  return {
    id,
    request,
    plan,
    positions,
    status,
    scanned,
    sent,
    createdAt: created_at,
    updatedAt: updated_at,
  };
}
