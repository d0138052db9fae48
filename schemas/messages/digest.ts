import { createHash } from "node:crypto";
import type { Log } from "./log.ts";

/** The fields of a log that the digest covers: what the chain says, nothing that the ingestor adds. */
export type DigestedLog = Readonly<Pick<Log, "logIndex" | "address" | "data" | "transactionHash">> & {
  readonly topics: readonly string[];
};

/**
 * SHA-256 over a block's logs in the order of `logIndex`; equal digests mean equal logs.
 * @returns 64 lower-case hex digits; of no logs, the SHA-256 of nothing.
 */
export function logsDigest(logs: readonly DigestedLog[]): string {
  const digest = createHash("sha256");
  const ordered = logs.toSorted((a, b) => a.logIndex - b.logIndex);
  for (const log of ordered) {
    digest.update(
      `${log.logIndex}|${log.transactionHash}|${log.address}|${log.topics.join(",")}|${log.data}\n`,
    );
  }
  return digest.digest("hex");
}
