import { createHmac } from "node:crypto";

/**
 * Bytes of a secret: of a Standard Webhooks one the base64 after `whsec_`, as every public library reads it; of a text that came from
 * the system before, the text itself, since what is no base64 would leave few bytes or none.
 */
export function secretKey(secret: string): Buffer {
  return secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret);
}

/** A secret prepared for signing. */
export interface SigningKey {
  readonly key: Buffer;
  readonly text: string;
}

export function signingKey(secret: string): SigningKey {
  return { key: secretKey(secret), text: secret };
}

/** The headers that let a receiver trust a webhook. */
export interface SignatureHeaders {
  readonly "webhook-id": string;
  readonly "webhook-timestamp": string;
  /** `v1,<base64>` for each valid secret, separated by spaces. */
  readonly "webhook-signature": string;
  /** Hex HMAC-SHA256 of the body alone, by the newest secret's text: the header of the system that EthHook replaces. */
  readonly "x-webhook-signature": string;
}

/**
 * Signs by Standard Webhooks (`id.timestamp.body`) with every secret, and the body alone with the first.
 * @param keys newest first, at least one.
 * @param timestampSeconds Unix seconds; receivers refuse what is more than five minutes from their clock.
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function sign(
  keys: readonly SigningKey[],
  webhookId: string,
  timestampSeconds: number,
  body: Buffer,
): SignatureHeaders {
  const [newest] = keys;
  if (newest === undefined) throw new RangeError("an endpoint has at least one secret");
  const prefix = `${webhookId}.${timestampSeconds}.`;
  let signatures = "";
  for (const { key } of keys) {
    const digest = createHmac("sha256", key).update(prefix).update(body).digest("base64");
    signatures += signatures === "" ? `v1,${digest}` : ` v1,${digest}`;
  }
  return {
    "webhook-id": webhookId,
    "webhook-timestamp": String(timestampSeconds),
    "webhook-signature": signatures,
    "x-webhook-signature": createHmac("sha256", newest.text).update(body).digest("hex"),
  };
}
