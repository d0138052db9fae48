import { attemptSchema, deliveryCodec, type Decoded, type Delivery } from "@ethhook/schemas";
import { z } from "zod";
import type { Parked } from "../core/ports.ts";

/** A row of `parked_deliveries`. */
export interface ParkedRow {
  readonly webhook_id: string;
  readonly endpoint_id: string;
  readonly replay: boolean;
  readonly partition: number;
  readonly position: number;
  readonly order_key: string;
  readonly unsure: boolean;
  readonly due_at: Date;
  readonly attempts_made: number;
  readonly attempts: unknown;
  readonly payload: string;
}

/** The columns of `ParkedRow`. A batch's row of a dead process counts no attempt yet, but its POST may have been begun. */
export const parkedColumns =
  "webhook_id, endpoint_id, replay, partition, position, order_key, unsure OR reason = 'sending' AS unsure, due_at, attempts_made, attempts, payload";

const attemptList = z.array(attemptSchema);

/**
 * The delivery of a row, with the attempts that were made since it was first parked. One of a newer version, after a downgrade, cannot
 * be read: it stays where it is.
 */
export function deliveryOfRow(
  row: Pick<ParkedRow, "payload" | "attempts" | "attempts_made" | "replay">,
): Decoded<Delivery> {
  const decoded = deliveryCodec.decode(row.payload);
  if (!decoded.ok) return decoded;
  const { value } = decoded;
  const attempts = attemptList.safeParse(row.attempts);
  const delivery: Delivery = {
    ...value,
    origin:
      row.replay || value.origin === "operational" || value.origin === "test" ? value.origin : "release",
    attemptsMade: row.attempts_made,
    ...(attempts.success && attempts.data.length > 0 ? { history: attempts.data } : {}),
  };
  return { ok: true, value: delivery };
}

export const upsertParked = `
  INSERT INTO parked_deliveries (webhook_id, replay, endpoint_id, application_id, user_id, partition, position, order_key, unsure,
                                 reason, due_at, attempts_made, attempts, payload)
  SELECT webhook_id, replay, endpoint_id, application_id, user_id, partition, position, order_key, unsure,
         reason, to_timestamp(due_ms / 1000.0), attempts_made, attempts::jsonb, payload
  FROM unnest($1::text[], $2::boolean[], $3::text[], $4::text[], $5::text[], $6::int[], $7::bigint[], $8::text[], $9::boolean[],
              $10::text[], $11::float8[], $12::int[], $13::text[], $14::text[])
    AS t(webhook_id, replay, endpoint_id, application_id, user_id, partition, position, order_key, unsure,
         reason, due_ms, attempts_made, attempts, payload)
  ON CONFLICT (webhook_id, replay) DO UPDATE
    SET reason = excluded.reason, due_at = excluded.due_at, partition = excluded.partition, order_key = excluded.order_key,
        unsure = excluded.unsure OR parked_deliveries.unsure, parked_at = now(),
        attempts_made = greatest(parked_deliveries.attempts_made, excluded.attempts_made),
        attempts = CASE WHEN jsonb_array_length(excluded.attempts) >= jsonb_array_length(parked_deliveries.attempts)
                        THEN excluded.attempts ELSE parked_deliveries.attempts END
  RETURNING webhook_id, xmax = 0 AS fresh`;

/** What `upsertParked` returns of each row: whether it is new. */
export interface UpsertedRow {
  readonly webhook_id: string;
  readonly fresh: boolean;
}

/** The parameters of `upsertParked`. */
export function upsertValues(rows: readonly Parked[]): unknown[] {
  const column = <T>(of: (row: Parked) => T) => rows.map(of);
  return [
    column((row) => row.delivery.webhookId),
    column((row) => row.replay),
    column((row) => row.delivery.endpointId),
    column((row) => row.delivery.applicationId),
    column((row) => row.delivery.userId),
    column((row) => row.partition),
    column((row) => row.position),
    column((row) => row.orderKey),
    column((row) => row.unsure),
    column((row) => row.reason),
    column((row) => row.dueAtMs),
    column((row) => row.delivery.attemptsMade),
    column((row) => JSON.stringify(row.delivery.history ?? [])),
    column((row) => deliveryCodec.encode(withoutHistory(row.delivery))),
  ];
}

function withoutHistory(delivery: Delivery): Delivery {
  const { history: _, ...bare } = delivery;
  return bare;
}
