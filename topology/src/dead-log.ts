import type { MessageFormat } from "./types.ts";

/** A poison record of `logs.*`: its own bytes, untouched. Where it stood is in headers (`deadLogHeaders` of schemas). */
export interface DeadLog {
  /** The source record's key; empty when it had none. */
  readonly sourceKey: string;
  readonly bytes: Buffer;
}

/** Values of `logs.dlq`. Reading never fails: these are bytes that someone could not read. */
export const deadLogFormat: MessageFormat<DeadLog> = {
  name: "unreadable record",
  version: 1,
  encode: (dead) => dead.bytes,
  decode: (bytes) => ({ ok: true, value: { sourceKey: "", bytes: Buffer.from(bytes ?? "") } }),
};
