import { missingKeys, unsealSecret, type Logger, type SecretKeys } from "@ethhook/kit";
import type { Pool } from "@ethhook/kit/postgres";
import { PipelineError, readEndpointSettings } from "@ethhook/schemas";
import type { Endpoint, Secret } from "../core/endpoint.ts";
import { createEndpointDirectory, type KeptEndpoints } from "../core/endpoint-directory.ts";
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
  readonly secrets: readonly { readonly sealed: string; readonly expires_at: string | null }[];
}

export interface PostgresEndpoints
  extends EndpointDirectory, Pick<KeptEndpoints, "refresh" | "changed" | "onChange"> {
  /**
   * Looks whether SECRETS_KEY is the key of this database.
   * @throws PipelineError `SECRET_UNREADABLE` when it opens none of the secrets there; what it opens not is logged.
   */
  checkKeys(): Promise<void>;
  stop(budgetMs: number): Promise<void>;
}

export interface EndpointsDeps {
  readonly pool: Pool;
  readonly keys: SecretKeys;
  readonly logger: Logger;
}

const againMs = 1_000;

const selectEndpoints = `
  SELECT e.id, e.application_id, e.user_id, e.url, e.status, e.delivery,
         coalesce(json_agg(json_build_object('sealed', s.sealed, 'expires_at', s.expires_at) ORDER BY s.id DESC)
                  FILTER (WHERE s.id IS NOT NULL), '[]') AS secrets
  FROM endpoints e LEFT JOIN endpoint_secrets s
    ON s.endpoint_id = e.id AND (s.expires_at IS NULL OR s.expires_at > now())
  WHERE e.id = ANY($1) AND e.deleted_at IS NULL GROUP BY e.id`;

const secretsByKey = `
  SELECT split_part(sealed, '.', 2) AS key, count(*) AS secrets FROM endpoint_secrets
  WHERE expires_at IS NULL OR expires_at > now() GROUP BY 1 ORDER BY 1`;

/** Endpoints and their secrets, read when first needed and kept hot by notifications. */
export function createPostgresEndpoints({ pool, keys, logger }: EndpointsDeps): PostgresEndpoints {
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

  /** One without a secret that can be opened is not called: what comes for it is parked, and holds up no others of its partition. */
  function toEndpoint(row: EndpointRow): Endpoint {
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

  const directory = createEndpointDirectory({
    source: {
      async read(ids) {
        const { rows } = await pool.query<EndpointRow>(selectEndpoints, [ids]);
        return new Map(rows.map((row) => [row.id, toEndpoint(row)]));
      },
    },
    pause: () => new Promise((resolve) => void setTimeout(resolve, againMs).unref()),
    onError: (error) => {
      logger.warn(
        { event: "endpoints.unreadable", err: error },
        "changed endpoints were not read, again in a second",
      );
    },
  });

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
    ...directory,
    checkKeys,
    disable(id, reason) {
      if (directory.disableHere(id)) void disablings.write({ id, reason });
    },
    stop: (budgetMs) => disablings.stop(budgetMs),
  };
}
