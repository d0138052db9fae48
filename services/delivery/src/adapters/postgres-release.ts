import type { Logger } from "@ethhook/kit";
import { inTransaction, type Pool } from "@ethhook/kit/postgres";
import type { Delivery } from "@ethhook/schemas";
import { deliveryOfRow, type ParkedRow } from "./parked-rows.ts";

/** What one endpoint waits for. */
export interface Backlog {
  readonly endpointId: string;
  readonly rows: number;
  /** Unix ms of the earliest due row. */
  readonly nextDueMs: number;
  /** The rows by why they wait. */
  readonly byReason: Readonly<Record<string, number>>;
}

/** An endpoint that can take some of its due rows. */
export interface ReleaseRequest {
  readonly endpointId: string;
  readonly rowsMax: number;
}

/** What one release left behind. */
export interface Released {
  readonly endpointId: string;
  readonly rows: number;
  /** Unix ms of the next due row; null when none is left. */
  readonly nextDueMs: number | null;
}

export interface PostgresRelease {
  /** The endpoint answers again: what was to be retried soon is due now. Far retries keep their time, so that an endpoint that comes and goes does not use them up. */
  hasten(endpointId: string): Promise<void>;
  /** Every endpoint of these partitions with parked deliveries. */
  backlogs(partitions: readonly number[]): Promise<readonly Backlog[]>;
  /**
   * Takes due rows out and hands them to `publish`; they are gone once it resolved, and stay if it rejects. Rows that another
   * process has in hand are skipped, and so are those that this version cannot read. A crash between the two publishes a row twice,
   * with the same webhook id.
   */
  release(
    requests: readonly ReleaseRequest[],
    nowMs: number,
    publish: (deliveries: readonly Delivery[]) => Promise<void>,
  ): Promise<readonly Released[]>;
}

type Row = Pick<
  ParkedRow,
  "webhook_id" | "endpoint_id" | "replay" | "attempts_made" | "attempts" | "payload"
>;

/** What was taken out holds rows that cannot be read: all of it goes back. */
class UnreadableRowsError extends Error {
  readonly rows: readonly Row[];

  constructor(rows: readonly Row[], reason: string) {
    super(reason);
    this.rows = rows;
  }
}

interface BacklogRow {
  readonly endpoint_id: string;
  readonly rows: number;
  readonly next_due: Date | null;
  readonly by_reason: Readonly<Record<string, number>>;
}

const backlogsByReason = `
  SELECT endpoint_id, sum(rows)::bigint AS rows, min(next_due) AS next_due, json_object_agg(reason, rows) AS by_reason
  FROM (
    SELECT endpoint_id, reason, count(*) AS rows, min(due_at) FILTER (WHERE order_key = '') AS next_due
    FROM parked_deliveries WHERE partition = ANY($1) GROUP BY endpoint_id, reason
  ) by_reason
  GROUP BY endpoint_id`;

/** A POST that may have been begun counts as an attempt from here on: a record on the log cannot say that nobody is sure. */
const takeDue = `
  DELETE FROM parked_deliveries p USING (
    SELECT due.webhook_id, due.replay
    FROM unnest($1::text[], $2::int[]) AS want(endpoint_id, rows_max)
    CROSS JOIN LATERAL (
      SELECT webhook_id, replay FROM parked_deliveries
      WHERE endpoint_id = want.endpoint_id AND due_at <= to_timestamp($3 / 1000.0) AND order_key = ''
      ORDER BY due_at, position LIMIT want.rows_max FOR UPDATE SKIP LOCKED
    ) due
  ) taken
  WHERE p.webhook_id = taken.webhook_id AND p.replay = taken.replay
  RETURNING p.webhook_id, p.endpoint_id, p.replay, p.attempts, p.payload, p.due_at, p.position,
            CASE WHEN p.unsure OR p.reason = 'sending' THEN greatest(p.attempts_made, 1) ELSE p.attempts_made END AS attempts_made`;

const nextDue = `
  SELECT endpoint_id, (SELECT min(due_at) FROM parked_deliveries p WHERE p.endpoint_id = e.endpoint_id AND p.order_key = '') AS next_due
  FROM unnest($1::text[]) AS e(endpoint_id)`;

/** How long until a row that cannot be read is looked at again: the upgrade that it waits for may have come. */
const unreadableSeconds = 300;
const putOff = `
  UPDATE parked_deliveries p SET due_at = to_timestamp($3 / 1000.0) + $4 * interval '1 second'
  FROM unnest($1::text[], $2::boolean[]) AS t(webhook_id, replay)
  WHERE p.webhook_id = t.webhook_id AND p.replay = t.replay`;

/** The third retry of the default schedule is still among these. */
const soonSeconds = 2_400;

/** The way back from Postgres to the log. */
export function createPostgresRelease(pool: Pool, logger: Logger): PostgresRelease {
  const takeOut: PostgresRelease["release"] = (requests, nowMs, publish) =>
    inTransaction(pool, async (client) => {
      const endpoints = requests.map((request) => request.endpointId);
      const limits = requests.map((request) => request.rowsMax);
      const { rows } = await client.query<Row>(takeDue, [endpoints, limits, nowMs]);
      if (rows.length > 0) await publish(deliveriesOf(rows));
      const counts = new Map<string, number>();
      for (const row of rows) counts.set(row.endpoint_id, (counts.get(row.endpoint_id) ?? 0) + 1);
      const left = await client.query<{ endpoint_id: string; next_due: Date | null }>(nextDue, [endpoints]);
      return left.rows.map((row) => ({
        endpointId: row.endpoint_id,
        rows: counts.get(row.endpoint_id) ?? 0,
        nextDueMs: row.next_due?.getTime() ?? null,
      }));
    });

  const release: PostgresRelease["release"] = async (requests, nowMs, publish) => {
    try {
      return await takeOut(requests, nowMs, publish);
    } catch (error) {
      if (!(error instanceof UnreadableRowsError)) throw error;
      const ids = error.rows.map((row) => row.webhook_id);
      const replays = error.rows.map((row) => row.replay);
      await pool.query(putOff, [ids, replays, nowMs, unreadableSeconds]);
      logger.error(
        { event: "parked.unreadable", rows: ids.length, webhookId: ids[0] },
        `parked deliveries cannot be read and stay: ${error.message}`,
      );
      // Without those now: they are not due.
      return release(requests, nowMs, publish);
    }
  };

  return {
    async hasten(endpointId) {
      await pool.query(
        `UPDATE parked_deliveries SET due_at = now()
         WHERE endpoint_id = $1 AND reason IN ('retry', 'breaker') AND due_at > now() AND due_at < now() + $2 * interval '1 second'`,
        [endpointId, soonSeconds],
      );
    },
    async backlogs(partitions) {
      const { rows } = await pool.query<BacklogRow>(backlogsByReason, [partitions]);
      return rows.map((row) => ({
        endpointId: row.endpoint_id,
        rows: row.rows,
        nextDueMs: row.next_due?.getTime() ?? Number.POSITIVE_INFINITY,
        byReason: row.by_reason,
      }));
    },
    release,
  };
}

/** @throws UnreadableRowsError with each that cannot be read. */
function deliveriesOf(rows: readonly Row[]): readonly Delivery[] {
  const deliveries: Delivery[] = [];
  const unreadable: Row[] = [];
  let reason = "";
  for (const row of rows) {
    const read = deliveryOfRow(row);
    if (read.ok) {
      deliveries.push(read.value);
      continue;
    }
    unreadable.push(row);
    reason = read.reason;
  }
  if (unreadable.length > 0) throw new UnreadableRowsError(unreadable, reason);
  return deliveries;
}
