import type { Pool } from "@ethhook/kit/postgres";
import type { DeadLetter } from "./letters.ts";

/** Why a dead letter stays where it is. */
export type Held = "done" | "loop";

/** Keeps a letter from being brought back twice, and a webhook from going round for ever. */
export interface RedriveGuard {
  /** By place and webhook id (`placeOf`): what must not be brought back, and why. */
  held(letters: readonly DeadLetter[]): Promise<ReadonlyMap<string, Held>>;
  /** Writes down what was brought back. */
  mark(letters: readonly DeadLetter[]): Promise<void>;
}

export const letterKey = ({ topic, partition, offset }: DeadLetter, webhookId: string): string =>
  `${topic}:${partition}:${offset}:${webhookId}`;

/** @param timesMax how often one webhook may be brought back in its life. */
export function createRedriveGuard(pool: Pool, timesMax: number): RedriveGuard {
  const rowsOf = (letters: readonly DeadLetter[]) =>
    letters.flatMap((letter) => letter.deliveries.map(({ webhookId }) => ({ letter, webhookId })));
  return {
    async held(letters) {
      const rows = rowsOf(letters);
      if (rows.length === 0) return new Map();
      const ids = [...new Set(rows.map(({ webhookId }) => webhookId))];
      const { rows: known } = await pool.query<{
        topic: string;
        partition: number;
        offset: number;
        webhook_id: string;
      }>(`SELECT topic, partition, "offset", webhook_id FROM redrives WHERE webhook_id = ANY($1)`, [ids]);
      const done = new Set(
        known.map((row) => `${row.topic}:${row.partition}:${row.offset}:${row.webhook_id}`),
      );
      const times = Map.groupBy(known, (row) => row.webhook_id);
      const held = new Map<string, Held>();
      for (const { letter, webhookId } of rows) {
        const key = letterKey(letter, webhookId);
        if (done.has(key)) held.set(key, "done");
        else if ((times.get(webhookId)?.length ?? 0) >= timesMax) held.set(key, "loop");
      }
      return held;
    },
    async mark(letters) {
      const rows = rowsOf(letters);
      await pool.query(
        `INSERT INTO redrives (topic, partition, "offset", webhook_id)
         SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::text[]) ON CONFLICT DO NOTHING`,
        [
          rows.map(({ letter }) => letter.topic),
          rows.map(({ letter }) => letter.partition),
          rows.map(({ letter }) => letter.offset),
          rows.map(({ webhookId }) => webhookId),
        ],
      );
    },
  };
}
