import { isAscii } from "node:buffer";
import type { z } from "zod";

/**
 * What a decoder says of the bytes it was given. A decoder never throws.
 * - `malformed`: these bytes can never be read by any version; the reader sends them to a dead letter.
 * - `newer`: written by a later version of EthHook; the reader stops the partition and asks for an upgrade.
 */
export type Decoded<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: "malformed" | "newer"; readonly reason: string };

/** One message shape at one version: how it is written, read and documented. */
export interface Codec<T> {
  /** Singular noun, as in the docs: `log`, `block`, `delivery`. */
  readonly name: string;
  /** The version that `encode` writes; `decode` reads this one and older ones. */
  readonly version: number;
  readonly schema: z.ZodType<T>;
  encode(message: T): string;
  decode(bytes: Uint8Array | string | null): Decoded<T>;
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Hex and plain English are ASCII, which needs no decoding and parses faster. */
function textOf(bytes: Uint8Array): string {
  if (!isAscii(bytes)) return utf8.decode(bytes);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/**
 * A codec over JSON text whose first field is `v`, the version.
 * `encode` trusts the type; `decode` trusts nothing.
 * @param isPlainly for records that come in hundreds of thousands: accepts only what the schema would accept unchanged,
 *   at a tenth of its cost. What it does not accept is left to the schema.
 */
export function jsonCodec<T extends { v: number }>(
  name: string,
  version: number,
  schema: z.ZodType<T>,
  isPlainly?: (value: unknown) => value is T,
): Codec<T> {
  return {
    name,
    version,
    schema,
    encode: (message) => JSON.stringify(message),
    decode(bytes) {
      if (bytes === null || bytes.length === 0) return malformed(`a ${name} record has no value`);
      let parsed: unknown;
      try {
        parsed = JSON.parse(typeof bytes === "string" ? bytes : textOf(bytes));
      } catch (error) {
        return malformed(`not JSON in UTF-8: ${error instanceof Error ? error.message : String(error)}`);
      }
      if (isPlainly?.(parsed)) return { ok: true, value: parsed };
      const written = (parsed as { v?: unknown } | null)?.v;
      if (typeof written === "number" && Number.isInteger(written) && written > version) {
        const reason = `${name} version ${written}; this process reads up to ${version}: upgrade it`;
        return { ok: false, problem: "newer", reason };
      }
      const checked = schema.safeParse(parsed);
      if (checked.success) return { ok: true, value: checked.data };
      const issue = checked.error.issues[0];
      return malformed(`${name}.${issue?.path.join(".") ?? ""}: ${issue?.message ?? "unreadable"}`);
    },
  };
}

function malformed(reason: string): Decoded<never> {
  return { ok: false, problem: "malformed", reason };
}
