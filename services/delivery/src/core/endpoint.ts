import type { EndpointSettings } from "@ethhook/schemas";
import type { SigningKey } from "./signature.ts";

/** A secret, opened and prepared for signing. */
export interface Secret extends SigningKey {
  /** Unix ms; null for the current one. */
  readonly expiresAtMs: number | null;
}

/** An endpoint as delivery knows it. */
export interface Endpoint {
  readonly id: string;
  readonly applicationId: string;
  readonly userId: string;
  readonly url: string;
  readonly status: "enabled" | "paused" | "disabled";
  readonly settings: EndpointSettings;
  /** Newest first, at least one. */
  readonly secrets: readonly Secret[];
}

/** The secrets that sign now: the current one, and older ones until they expire. Never none. */
export function validSecrets({ secrets }: Endpoint, nowMs: number): readonly Secret[] {
  if (secrets.length === 1) return secrets;
  const valid = secrets.filter((secret) => secret.expiresAtMs === null || secret.expiresAtMs > nowMs);
  return valid.length === 0 ? secrets.slice(0, 1) : valid;
}
