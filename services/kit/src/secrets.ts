import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { PipelineError } from "@ethhook/schemas";

/** Keys that seal secrets at rest. The first one seals; every one opens, so a key can be replaced without downtime. */
export interface SecretKeys {
  readonly keys: readonly SecretKey[];
}

interface SecretKey {
  /** Eight hex digits of the key's SHA-256: names the key in a sealed text without revealing it. */
  readonly id: string;
  readonly key: Buffer;
}

/**
 * Reads SECRETS_KEY: 32 bytes in base64; several, comma-separated, while rotating (new one first).
 * @throws PipelineError `CONFIG_INVALID` when a key has another length.
 */
export function parseSecretKeys(text: string): SecretKeys {
  const keys = text.split(",").map((part) => Buffer.from(part.trim(), "base64"));
  if (keys.some((key) => key.length !== 32)) {
    throw new PipelineError(
      "CONFIG_INVALID",
      "crash",
      "SECRETS_KEY must be 32 bytes in base64 (`openssl rand -base64 32`).",
    );
  }
  return {
    keys: keys.map((key) => ({ key, id: createHash("sha256").update(key).digest("hex").slice(0, 8) })),
  };
}

/**
 * Seals with AES-256-GCM. The text reads `v1.<key id>.<nonce>.<tag>.<ciphertext>`, the last three in base64url.
 * @param context bound to the text and needed again to open it (an endpoint's id): a sealed secret copied to another row does not open.
 */
export function sealSecret(keys: SecretKeys, plain: string, context: string): string {
  const [first] = keys.keys;
  if (!first) throw new Error("No key to seal with");
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", first.key, nonce).setAAD(Buffer.from(context));
  const body = Buffer.concat([cipher.update(plain, "utf8"), cipher.final()]);
  const parts = [nonce, cipher.getAuthTag(), body].map((part) => part.toString("base64url"));
  return ["v1", first.id, ...parts].join(".");
}

/**
 * Opens what `sealSecret` sealed with the same context, by any key of the ring.
 * @throws PipelineError `SECRET_UNREADABLE` when the key is not in the ring, or the text or its context was changed.
 */
export function unsealSecret(keys: SecretKeys, sealed: string, context: string): string {
  const [version, id, nonce, tag, body] = sealed.split(".");
  if (version !== "v1" || !id || !nonce || !tag || body === undefined)
    throw unreadable("it was not sealed by this product");
  const key = keys.keys.find((candidate) => candidate.id === id);
  if (!key) throw unreadable(`its key ${id} is not in SECRETS_KEY`);
  try {
    const decipher = createDecipheriv("aes-256-gcm", key.key, Buffer.from(nonce, "base64url"), {
      authTagLength: 16,
    })
      .setAAD(Buffer.from(context))
      .setAuthTag(Buffer.from(tag, "base64url"));
    return Buffer.concat([decipher.update(Buffer.from(body, "base64url")), decipher.final()]).toString(
      "utf8",
    );
  } catch (cause) {
    throw unreadable("the text or its place was changed", cause);
  }
}

/** True when the text was not sealed by the first key: seal it again to finish a rotation. */
export function needsReseal(keys: SecretKeys, sealed: string): boolean {
  return sealed.split(".")[1] !== keys.keys[0]?.id;
}

/** Ids of keys that sealed something, of which none is in the ring: sealed texts name their key in front, `v1.<key id>.`. */
export function missingKeys(keys: SecretKeys, keyIds: readonly string[]): readonly string[] {
  return keyIds.filter((id) => keys.keys.every((key) => key.id !== id));
}

function unreadable(reason: string, cause?: unknown): PipelineError {
  return new PipelineError("SECRET_UNREADABLE", "drop", `A sealed secret cannot be opened: ${reason}.`, {
    cause,
  });
}
