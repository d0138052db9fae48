import { missingKeys, unsealSecret, type Logger, type SecretKeys } from "@ethhook/kit";
import type { Pool } from "@ethhook/kit/postgres";
import { PipelineError, readEndpointSettings } from "@ethhook/schemas";
import type { Endpoint, Secret } from "../core/endpoint.ts";
import type { EndpointDirectory } from "../core/ports.ts";
import { signingKey } from "../core/signature.ts";
import { createWriteQueue } from "./write-queue.ts";

interface EndpointRow {
  readonly id: string;
  readonly application_id: string;
  readonly user_id: string;
  readonly url: string;
  readonly status: Endpoint["status"];
  readonly delivery: unknown;
  readonly deleted_at: Date | null;
  readonly secrets: readonly { readonly sealed: string; readonly expires_at: string | null }[];
}

export interface PostgresEndpoints extends EndpointDirectory {
  /** Reads again everything that is known: notifications may have been missed. */
  refresh(): Promise<void>;
  /**
   * Looks whether SECRETS_KEY is the key of this database.
   * @throws PipelineError `SECRET_UNREADABLE` when it opens none of the secrets there; what it opens not is logged.
   */
  checkKeys(): Promise<void>;
  /** Something about this endpoint changed. Its old state stays in use until the new one is read. */
  changed(endpointId: string): void;
  /** Hears of every endpoint that was read again. */
  onChange(listener: (before: Endpoint, after: Endpoint | null) => void): void;
  stop(budgetMs: number): Promise<void>;
}

export interface EndpointsDeps {
  readonly pool: Pool;
  readonly keys: SecretKeys;
  readonly logger: Logger;
}

/** Endpoints that are kept in memory; the longest unread one makes room. */
const endpointsMax = 20_000;
const pageSize = 1_000;

const selectEndpoints = `
  SELECT e.id, e.application_id, e.user_id, e.url, e.status, e.delivery, e.deleted_at,
         coalesce(json_agg(json_build_object('sealed', s.sealed, 'expires_at', s.expires_at) ORDER BY s.id DESC)
                  FILTER (WHERE s.id IS NOT NULL), '[]') AS secrets
  FROM endpoints e LEFT JOIN endpoint_secrets s
    ON s.endpoint_id = e.id AND (s.expires_at IS NULL OR s.expires_at > now())
  WHERE e.id = ANY($1) GROUP BY e.id`;

const secretsByKey = `
  SELECT split_part(sealed, '.', 2) AS key, count(*) AS secrets FROM endpoint_secrets
  WHERE expires_at IS NULL OR expires_at > now() GROUP BY 1 ORDER BY 1`;

/** Endpoints and their secrets, read when first needed and kept hot by notifications. */
export function createPostgresEndpoints({ pool, keys, logger }: EndpointsDeps): PostgresEndpoints {
  const known = new Map<string, Endpoint | null>();
  /** Changed since they were last read; read together in the next turn. */
  const stale = new Set<string>();
  const listeners: ((before: Endpoint, after: Endpoint | null) => void)[] = [];
  let rereading: Promise<void> | undefined;

  const disablings = createWriteQueue<{ readonly id: string; readonly reason: string }>({
    name: "disabled endpoints",
    batchMax: 100,
    logger,
    flush: async (items) => {
      for (const { id, reason } of items) {
        await pool.query(
          `UPDATE endpoints SET status = 'disabled', disabled_reason = $2, updated_at = now()
           WHERE id = $1 AND status = 'enabled'`,
          [id, reason],
        );
      }
      return [];
    },
  });

  async function read(ids: readonly string[]): Promise<void> {
    for (let from = 0; from < ids.length; from += pageSize) {
      const page = ids.slice(from, from + pageSize);
      const { rows } = await pool.query<EndpointRow>(selectEndpoints, [page]);
      const found = new Map(rows.map((row) => [row.id, row]));
      for (const id of page) remember(id, found.get(id));
    }
  }

  function remember(id: string, row: EndpointRow | undefined): void {
    const endpoint = row === undefined || row.deleted_at !== null ? null : toEndpoint(row);
    if (endpoint === undefined) return;
    const before = known.get(id);
    known.delete(id);
    known.set(id, endpoint);
    if (before) for (const listener of listeners) listener(before, endpoint);
    if (known.size > endpointsMax) for (const oldest of known.keys()) return void known.delete(oldest);
  }

  /**
   * `undefined` when no secret can be opened and the endpoint is known already: it stays as it was. One that is not is not called, as
   * if it were disabled: what comes for it is parked, and holds up no others of its partition.
   */
  function toEndpoint(row: EndpointRow): Endpoint | undefined {
    const secrets: Secret[] = [];
    for (const { sealed, expires_at: expiresAt } of row.secrets) {
      try {
        const opened = signingKey(unsealSecret(keys, sealed, row.id));
        secrets.push({ ...opened, expiresAtMs: expiresAt === null ? null : Date.parse(expiresAt) });
      } catch (error) {
        logger.error(
          { event: "secret.unreadable", endpointId: row.id, err: error },
          "a secret cannot be opened",
        );
      }
    }
    if (secrets.length === 0 && known.get(row.id)) return undefined;
    return {
      id: row.id,
      applicationId: row.application_id,
      userId: row.user_id,
      url: row.url,
      status: secrets.length === 0 ? "disabled" : row.status,
      settings: readEndpointSettings(row.delivery),
      secrets,
    };
  }

  async function reread(): Promise<void> {
    const ids = [...stale].filter((id) => known.has(id));
    stale.clear();
    await read(ids);
  }

  async function checkKeys(): Promise<void> {
    const { rows } = await pool.query<{ key: string; secrets: number }>(secretsByKey);
    const missing = new Set(
      missingKeys(
        keys,
        rows.map(({ key }) => key),
      ),
    );
    if (missing.size === 0) return;
    const unreadable = rows
      .filter(({ key }) => missing.has(key))
      .reduce((sum, { secrets }) => sum + secrets, 0);
    const which = `${unreadable} endpoint secrets in Postgres were sealed with ${[...missing].join(", ")}`;
    const message = `${which}, which is not in SECRETS_KEY: put the old key behind the new one, comma-separated.`;
    if (missing.size === rows.length) throw new PipelineError("SECRET_UNREADABLE", "crash", message);
    logger.error({ event: "secrets.unreadable", secrets: unreadable }, message);
  }

  return {
    get: (id) => known.get(id),
    load: read,
    checkKeys,
    refresh: () => read([...known.keys()]),
    changed(id) {
      stale.add(id);
      rereading ??= Promise.resolve()
        .then(reread)
        .catch((error: unknown) => {
          // The listener's reconnect refreshes everything.
          logger.warn({ event: "endpoints.unreadable", err: error }, "changed endpoints were not read");
        })
        .finally(() => {
          rereading = undefined;
          if (stale.size > 0) this.changed([...stale][0] ?? "");
        });
    },
    disable(id, reason) {
      const endpoint = known.get(id);
      if (endpoint?.status !== "enabled") return;
      known.set(id, { ...endpoint, status: "disabled" });
      void disablings.write({ id, reason });
    },
    onChange: (listener) => void listeners.push(listener),
    stop: (budgetMs) => disablings.stop(budgetMs),
  };
}
