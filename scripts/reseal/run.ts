import { needsReseal, sealSecret, unsealSecret, type SecretKeys } from "@ethhook/kit";
import { inTransaction, type Pool } from "@ethhook/kit/postgres";
import { PipelineError } from "@ethhook/schemas";

/** What became of the sealed secrets of a database. */
export interface Resealed {
  /** Sealed again with the first key. */
  readonly changed: number;
  /** Were sealed with it already. */
  readonly current: number;
  /** Endpoints whose secret no key opens: left as they were. */
  readonly unreadable: readonly string[];
}

interface Row {
  readonly id: number;
  readonly endpoint_id: string;
  readonly sealed: string;
}

/** Rows in one transaction: each tells the delivery processes to read its endpoint again. */
const pageSize = 500;

/** Seals every secret that another key sealed with the first key of the ring. Safe to run twice, beside running services, and to interrupt. */
export async function resealSecrets(pool: Pool, keys: SecretKeys): Promise<Resealed> {
  const unreadable = new Set<string>();
  let [changed, current, after] = [0, 0, 0];
  for (;;) {
    const page = await inTransaction(pool, async (client) => {
      const { rows } = await client.query<Row>(
        "SELECT id, endpoint_id, sealed FROM endpoint_secrets WHERE id > $1 ORDER BY id LIMIT $2 FOR UPDATE",
        [after, pageSize],
      );
      for (const { id, endpoint_id: endpointId, sealed } of rows) {
        if (!needsReseal(keys, sealed)) {
          current += 1;
          continue;
        }
        const secret = opened(keys, sealed, endpointId);
        if (secret === undefined) {
          unreadable.add(endpointId);
          continue;
        }
        const again = sealSecret(keys, secret, endpointId);
        await client.query("UPDATE endpoint_secrets SET sealed = $2 WHERE id = $1", [id, again]);
        changed += 1;
      }
      return rows;
    });
    const last = page.at(-1);
    if (last === undefined) return { changed, current, unreadable: [...unreadable] };
    after = last.id;
  }
}

function opened(keys: SecretKeys, sealed: string, endpointId: string): string | undefined {
  try {
    return unsealSecret(keys, sealed, endpointId);
  } catch (error) {
    if (error instanceof PipelineError && error.code === "SECRET_UNREADABLE") return undefined;
    throw error;
  }
}
