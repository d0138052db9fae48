import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { sealSecret, type SecretKeys } from "@ethhook/kit";
import type { Vault } from "../core/ports.ts";

const alphabet = "abcdefghijklmnopqrstuvwxyz234567";
const idLength = 24;
/** 52 characters of 5 bits: 260 bits, so a plain SHA-256 of it cannot be searched. */
const keySecretLength = 52;
const signingSecretBytes = 32;

/**
 * Ids, keys and secrets from the system's randomness.
 * @param adminKey undefined when this API creates no users.
 */
export function createVault(secretKeys: SecretKeys, adminKey: string | undefined): Vault {
  const adminHash = adminKey === undefined ? undefined : sha256(adminKey);
  return {
    newId: (prefix) => `${prefix}_${randomText(idLength)}`,
    newWebhookId: () => `msg_${randomBytes(16).toString("hex")}`,
    newKey(name) {
      const id = `key_${randomText(idLength)}`;
      const key = `${id}_${randomText(keySecretLength)}`;
      return { key, stored: { id, name, hash: sha256(key) } };
    },
    hashKey: sha256,
    newSecret: () => `whsec_${randomBytes(signingSecretBytes).toString("base64")}`,
    seal: (secret, endpointId) => sealSecret(secretKeys, secret, endpointId),
    isAdminKey: (key) => adminHash !== undefined && timingSafeEqual(sha256(key), adminHash),
  };
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** 256 is a multiple of the alphabet's 32 letters, so every letter is equally likely. */
function randomText(length: number): string {
  return Array.from(randomBytes(length), (byte) => alphabet[byte % alphabet.length]).join("");
}
