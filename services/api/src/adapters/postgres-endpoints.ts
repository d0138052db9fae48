import { inTransaction, type Pool, type PoolClient } from "@ethhook/kit/postgres";
import { readEndpointSettings } from "@ethhook/schemas";
import type { EndpointResource } from "@ethhook/schemas/api";
import type { EndpointChange, EndpointDraft, EndpointStore, Subscription } from "../core/ports.ts";
import { afterItem, instant } from "./postgres-accounts.ts";
import { reachingPostgres } from "./postgres-errors.ts";

/** An endpoint with what it hears of now: its newest filter version. */
const selectEndpoint = `
  SELECT endpoints.id, endpoints.application_id AS "applicationId", endpoints.url, endpoints.description, endpoints.status, endpoints.delivery,
         endpoints.disabled_reason AS "disabledReason",
         f.subscription -> 'filter' AS filter, f.subscription ->> 'finality' AS finality,
         f.subscription ->> 'format' AS format, (f.subscription -> 'sendRemoved')::boolean AS "sendRemoved",
         f.version AS "filterVersion",
         ${instant("endpoints.created_at")} AS "createdAt", ${instant("endpoints.updated_at")} AS "updatedAt"
  FROM endpoints
  CROSS JOIN LATERAL (
    SELECT version, subscription FROM filter_versions
    WHERE endpoint_id = endpoints.id ORDER BY version DESC LIMIT 1
  ) f`;
const ofUser = `WHERE endpoints.user_id = $1 AND endpoints.id = $2 AND endpoints.deleted_at IS NULL`;

/** Endpoints in PostgreSQL: the row, its sealed secrets, and the append-only versions of its subscription. */
export function createPostgresEndpoints(pool: Pool): EndpointStore {
  const transaction = <T>(work: (client: PoolClient) => Promise<T>): Promise<T> =>
    reachingPostgres(() => inTransaction(pool, work));

  return {
    create: (draft) => transaction((client) => insertEndpoint(client, draft)),
    find: (userId, endpointId) => reachingPostgres(() => readEndpoint(pool, userId, endpointId)),
    list: (userId, query) =>
      reachingPostgres(async () => {
        const { rows } = await pool.query<EndpointResource>(
          `${selectEndpoint} WHERE endpoints.user_id = $1 AND endpoints.deleted_at IS NULL
             AND ($2::text IS NULL OR endpoints.application_id = $2) AND ($3::text IS NULL OR endpoints.status = $3)
             AND ${afterItem("endpoints", "$4")}
             ORDER BY endpoints.created_at, endpoints.id LIMIT $5`,
          [userId, query.applicationId ?? null, query.status ?? null, query.after ?? null, query.limit],
        );
        return rows.map(withSettings);
      }),
    change: (userId, endpointId, decide) =>
      transaction(async (client) => {
        const current = await readEndpoint(client, userId, endpointId, "FOR UPDATE OF endpoints");
        if (current === null) return null;
        await writeChange(client, userId, current, decide(current));
        return readEndpoint(client, userId, endpointId);
      }),
    remove: (userId, endpointId) =>
      transaction(async (client) => {
        const { rows } = await client.query<{ application_id: string }>(
          `UPDATE endpoints SET deleted_at = now(), updated_at = now()
           WHERE user_id = $1 AND id = $2 AND deleted_at IS NULL RETURNING application_id`,
          [userId, endpointId],
        );
        const [row] = rows;
        if (row === undefined) return false;
        await appendVersion(client, endpointId, row.application_id, userId, null);
        return true;
      }),
    rotateSecret: (userId, endpointId, sealedSecret, overlapMs) =>
      transaction(async (client) => {
        const current = await readEndpoint(client, userId, endpointId, "FOR UPDATE OF endpoints");
        if (current === null) return null;
        const { rows } = await client.query<{ at: string }>(
          `WITH until AS (SELECT now() + make_interval(secs => $2::double precision / 1000) AS at),
                old AS (UPDATE endpoint_secrets SET expires_at = until.at FROM until
                        WHERE endpoint_id = $1 AND expires_at IS NULL)
           SELECT ${instant("at")} AS at FROM until`,
          [endpointId, overlapMs],
        );
        await insertSecret(client, endpointId, sealedSecret);
        return { previousExpiresAt: rows[0]?.at ?? "" };
      }),
  };
}

async function insertEndpoint(client: PoolClient, draft: EndpointDraft): Promise<EndpointResource | null> {
  const { rowCount } = await client.query(
    `INSERT INTO endpoints (id, application_id, user_id, url, description, delivery)
     SELECT $1, a.id, a.user_id, $4, $5, $6 FROM applications a WHERE a.id = $2 AND a.user_id = $3`,
    [
      draft.id,
      draft.applicationId,
      draft.userId,
      draft.url,
      draft.description,
      JSON.stringify(draft.delivery),
    ],
  );
  if (rowCount === 0) return null;
  await insertSecret(client, draft.id, draft.sealedSecret);
  await appendVersion(client, draft.id, draft.applicationId, draft.userId, draft.subscription);
  return readEndpoint(client, draft.userId, draft.id);
}

async function writeChange(
  client: PoolClient,
  userId: string,
  current: EndpointResource,
  change: EndpointChange,
): Promise<void> {
  await client.query(
    `UPDATE endpoints SET url = $2, description = $3, status = $4, delivery = $5, updated_at = now(),
            disabled_reason = CASE WHEN $4 = 'disabled' THEN disabled_reason END
     WHERE id = $1`,
    [
      current.id,
      change.url ?? current.url,
      change.description ?? current.description,
      change.status ?? current.status,
      JSON.stringify(change.delivery ?? current.delivery),
    ],
  );
  if (change.subscription === undefined) return;
  await appendVersion(client, current.id, current.applicationId, userId, change.subscription);
}

async function readEndpoint(
  client: Pick<PoolClient, "query">,
  userId: string,
  endpointId: string,
  lock = "",
): Promise<EndpointResource | null> {
  const { rows } = await client.query<EndpointResource>(`${selectEndpoint} ${ofUser} ${lock}`, [
    userId,
    endpointId,
  ]);
  return rows[0] === undefined ? null : withSettings(rows[0]);
}

/** What a later or older version stored is shown as this version delivers it. */
function withSettings(row: EndpointResource): EndpointResource {
  return { ...row, delivery: readEndpointSettings(row.delivery) };
}

async function insertSecret(client: PoolClient, endpointId: string, sealed: string): Promise<void> {
  await client.query("INSERT INTO endpoint_secrets (endpoint_id, sealed) VALUES ($1, $2)", [
    endpointId,
    sealed,
  ]);
}

/** Taken last in a transaction: it holds the lock that orders all versions, so the shorter it is held the better. */
async function appendVersion(
  client: PoolClient,
  endpointId: string,
  applicationId: string,
  userId: string,
  subscription: Subscription | null,
): Promise<void> {
  await client.query("SELECT append_filter_version($1, $2, $3, $4)", [
    endpointId,
    applicationId,
    userId,
    subscription === null ? null : JSON.stringify(subscription),
  ]);
}
