import { createHash } from "node:crypto";
import type { Logger } from "@ethhook/kit";
import type { Pool } from "@ethhook/kit/postgres";
import type { Delivery } from "@ethhook/schemas";
import type { Notice, Notices } from "../core/notice.ts";

export interface OperationalDeps {
  readonly pool: Pool;
  readonly logger: Logger;
  /** Puts webhooks on the log, like any others. */
  readonly publish: (deliveries: readonly Delivery[]) => Promise<void>;
}

/** Notices that wait for the store; more are only logged. */
const waitingMax = 1_000;
/** Dead deliveries of one endpoint are told of at most this often; the records hold each. */
const exhaustedEveryMs = 10_000;
const endpointsRememberedMax = 10_000;

const hearers = `
  SELECT id FROM endpoints
  WHERE application_id = $1 AND id <> $2 AND status = 'enabled' AND deleted_at IS NULL AND (delivery->>'operationalEvents')::boolean`;

/** Tells the operational endpoints of an application what happened to its other endpoints: as webhooks, signed and retried like any. */
export function createOperationalWebhooks({ pool, logger, publish }: OperationalDeps): Notices {
  const exhaustedAt = new Map<string, number>();
  let waiting = 0;

  async function send(notice: Notice): Promise<void> {
    const { rows } = await pool.query<{ id: string }>(hearers, [notice.applicationId, notice.endpointId]);
    if (rows.length > 0) await publish(rows.map(({ id }) => toDelivery(notice, id)));
  }

  function tooOften(notice: Notice): boolean {
    if (notice.type !== "delivery.exhausted") return false;
    const last = exhaustedAt.get(notice.endpointId) ?? 0;
    if (notice.atMs - last < exhaustedEveryMs) return true;
    if (exhaustedAt.size >= endpointsRememberedMax) exhaustedAt.clear();
    exhaustedAt.set(notice.endpointId, notice.atMs);
    return false;
  }

  return {
    tell(notice) {
      if (tooOften(notice)) return;
      logger.info({ event: notice.type, ...notice }, `${notice.type}: ${notice.endpointId}`);
      if (waiting >= waitingMax) return;
      waiting += 1;
      void send(notice)
        .catch((error: unknown) => {
          logger.warn({ event: "notice.lost", type: notice.type, err: error }, "nobody could be told");
        })
        .finally(() => {
          waiting -= 1;
        });
    },
  };
}

const noHash = `0x${"0".repeat(64)}`;

function toDelivery(notice: Notice, endpointId: string): Delivery {
  const { type, atMs, applicationId, userId, ...data } = notice;
  const identity = `${type}|${notice.endpointId}|${Math.floor(atMs)}|${endpointId}`;
  return {
    v: 1,
    webhookId: `msg_${createHash("sha256").update(identity).digest("hex").slice(0, 32)}`,
    eventId: "",
    kind: "new",
    endpointId,
    applicationId,
    userId,
    chainId: 0,
    blockNumber: 0,
    blockHash: noHash,
    blockTimestamp: Math.floor(atMs / 1_000),
    transactionHash: noHash,
    logIndex: 0,
    contract: noHash.slice(0, 42),
    sequence: 0,
    addedSequence: 0,
    finality: "latest",
    format: "standard",
    filterVersion: 0,
    why: type,
    body: JSON.stringify({ type, timestamp: new Date(atMs).toISOString(), data: { ...data, applicationId } }),
    seenAtMs: atMs,
    matchedAtMs: atMs,
    attemptsMade: 0,
    origin: "operational",
  };
}
