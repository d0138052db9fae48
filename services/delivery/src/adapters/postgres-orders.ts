import type { Logger } from "@ethhook/kit";
import type { Pool } from "@ethhook/kit/postgres";
import type { Delivery } from "@ethhook/schemas";
import type { Job, Numbering } from "../core/job.ts";
import type { StoredFate } from "../core/removals.ts";
import type { OrderStore, StoredJob } from "../core/sequencer.ts";
import { deliveryOfRow, parkedColumns, type ParkedRow } from "./parked-rows.ts";
import { createWriteQueue } from "./write-queue.ts";

/** An order with something parked: its head's place and due time. */
export interface OrderHead {
  readonly orderKey: string;
  readonly endpointId: string;
  readonly partition: number;
  readonly offset: number;
  readonly dueAtMs: number;
}

/** What waits in order, and what was taken back. */
export interface PostgresOrders extends OrderStore {
  /** Deletes the row of a `new` webhook or its batch and remembers it. Never rejects. */
  takeBack(webhookId: string, partition: number): Promise<StoredFate>;
  heads(partitions: readonly number[]): Promise<readonly OrderHead[]>;
  /** Webhooks of these partitions that were taken back within the last hours. */
  takenBack(partitions: readonly number[]): Promise<readonly string[]>;
  /** Deletes what nobody asks for any more. */
  purge(): Promise<void>;
  stop(budgetMs: number): Promise<void>;
}

interface NumberedRow {
  readonly webhook_id: string;
  readonly sequence: number;
  readonly previous_webhook_id: string | null;
}

type HeadRow = Pick<ParkedRow, "endpoint_id" | "order_key" | "partition" | "position" | "due_at">;

const headsOf = `
  SELECT DISTINCT ON (endpoint_id, order_key) endpoint_id, order_key, partition, position, due_at
  FROM parked_deliveries WHERE partition = ANY($1) AND order_key <> ''
  ORDER BY endpoint_id, order_key, position`;
const waitingOf = `
  SELECT ${parkedColumns} FROM parked_deliveries WHERE endpoint_id = $1 AND order_key = $2 ORDER BY position LIMIT $3`;

export function createPostgresOrders(pool: Pool, logger: Logger, now: () => number): PostgresOrders {
  const numbers = createWriteQueue<{ orderKey: string; webhookId: string }, Numbering>({
    name: "ordered deliveries",
    batchMax: 500,
    logger,
    flush: async (items) => {
      const { rows } = await pool.query<NumberedRow>(
        "SELECT * FROM number_deliveries($1::text[], $2::text[])",
        [items.map((item) => item.orderKey), items.map((item) => item.webhookId)],
      );
      return rows.map((row) => ({ sequence: row.sequence, previousWebhookId: row.previous_webhook_id }));
    },
  });
  const fates = createWriteQueue<{ webhookId: string; partition: number }, StoredFate>({
    name: "taken back",
    batchMax: 200,
    logger,
    flush: async (items) => {
      const { rows } = await pool.query<{ fate: StoredFate }>(
        "SELECT take_back(t.webhook, t.part) AS fate FROM unnest($1::text[], $2::int[]) WITH ORDINALITY AS t(webhook, part, n) ORDER BY n",
        [items.map((item) => item.webhookId), items.map((item) => item.partition)],
      );
      return rows.map((row) => row.fate);
    },
  });

  return {
    number: (orderKey, webhookId) => numbers.write({ orderKey, webhookId }),
    takeBack: (webhookId, partition) => fates.write({ webhookId, partition }),
    async waiting(orderKey, limit) {
      const [endpointId] = orderKey.split("|");
      const { rows } = await pool.query<ParkedRow>(waitingOf, [endpointId, orderKey, limit]);
      const jobs: StoredJob[] = [];
      for (const row of rows) {
        const read = deliveryOfRow(row);
        if (read.ok) {
          jobs.push({ job: jobOf(row, read.value, now()), dueAtMs: row.due_at.getTime() });
          continue;
        }
        // Those before it go, nothing overtakes it.
        if (jobs.length === 0) throw new Error(`${row.webhook_id} heads its order: ${read.reason}`);
        break;
      }
      return jobs;
    },
    async heads(partitions) {
      const { rows } = await pool.query<HeadRow>(headsOf, [partitions]);
      return rows.map((row) => ({
        orderKey: row.order_key,
        endpointId: row.endpoint_id,
        partition: row.partition,
        offset: row.position,
        dueAtMs: row.due_at.getTime(),
      }));
    },
    async takenBack(partitions) {
      const { rows } = await pool.query<{ webhook_id: string }>(
        "SELECT webhook_id FROM taken_back WHERE partition = ANY($1) AND at > now() - interval '6 hours' ORDER BY at",
        [partitions],
      );
      return rows.map((row) => row.webhook_id);
    },
    async purge() {
      await pool.query("DELETE FROM ordered_deliveries WHERE numbered_at < now() - interval '14 days'");
      await pool.query("DELETE FROM batch_members WHERE created_at < now() - interval '14 days'");
      await pool.query("DELETE FROM taken_back WHERE at < now() - interval '14 days'");
    },
    async stop(budgetMs) {
      await Promise.all([numbers.stop(budgetMs), fates.stop(budgetMs)]);
    },
  };
}

function jobOf(row: ParkedRow, delivery: Delivery, nowMs: number): Job {
  return {
    delivery,
    replay: row.replay,
    partition: row.partition,
    offset: row.position,
    bytes: row.payload.length,
    takenAtMs: nowMs,
    fresh: !row.unsure,
    stored: true,
    orderKey: row.order_key,
    settle: () => undefined,
    // Its owner forgets it when the partition goes: see `Sequencer.clear`.
    isCurrent: () => true,
  };
}
