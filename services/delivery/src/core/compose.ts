import type { Endpoint } from "./endpoint.ts";
import { validSecrets } from "./endpoint.ts";
import type { Outgoing } from "./exchange.ts";
import type { Job, Numbering } from "./job.ts";
import { sign } from "./signature.ts";

/** How EthHook names itself to receivers. */
const userAgent = "EthHook/1 (+webhooks)";

/** A receiver that keeps the last number sees a gap; a repeat has the number that it had. */
function orderHeaders(numbering: Numbering | undefined): Readonly<Record<string, string>> {
  if (numbering === undefined) return {};
  const { sequence, previousWebhookId } = numbering;
  return {
    "ethhook-sequence": String(sequence),
    ...(previousWebhookId === null ? {} : { "ethhook-previous-id": previousWebhookId }),
  };
}

/** The POST of one delivery: its bytes, signed, with the endpoint's own headers. */
export function compose(job: Job, endpoint: Endpoint, nowMs: number): Outgoing {
  const body = Buffer.from(job.delivery.body);
  const signature = sign(
    validSecrets(endpoint, nowMs),
    job.delivery.webhookId,
    Math.floor(nowMs / 1_000),
    body,
  );
  return {
    url: endpoint.url,
    headers: {
      ...endpoint.settings.headers,
      "content-type": "application/json",
      "user-agent": userAgent,
      ...replayHeader(job),
      ...orderHeaders(job.numbering),
      ...signature,
    },
    body,
    gzip: endpoint.settings.gzip,
    timeoutMs: endpoint.settings.timeoutMs,
  };
}

/** Tells a receiver that someone asked for this webhook again: its id and bytes are those of the first time. */
function replayHeader({ delivery: { origin } }: Job): Readonly<Record<string, string>> {
  return origin === "replay" || origin === "redrive" ? { "ethhook-replay": origin } : {};
}
