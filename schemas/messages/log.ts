import { z } from "zod";
import { jsonCodec } from "./codec.ts";
import { address, bytes, chainId, count, hash32, logKind, proof, timeMs } from "./fields.ts";
import { isCount, isHash, isLowerAddress, isTime, keysOf } from "./plain.ts";

const schema = z.object({
  v: z.literal(1),
  kind: logKind,
  chainId,
  blockNumber: count,
  blockHash: hash32,
  blockTimestamp: count.describe("Unix seconds, from the block's header."),
  transactionHash: hash32,
  transactionIndex: count,
  logIndex: count.describe("Position in the block, 0-based."),
  address,
  topics: z.array(hash32).max(4),
  data: bytes,
  sequence: count.describe("Sequence of the ledger record (`blocks`) that published this record."),
  addedSequence: count.describe(
    "Sequence of the ledger record that added the block. Equals `sequence` when `kind` is `new`.",
  ),
  proof,
  seenAtMs: timeMs.describe("When the ingestor first heard of the block."),
});

/** A log as it stands in `logs.<chain>`: one contract event, added by or removed with its block. */
export type Log = z.infer<typeof schema>;

const fieldCount = Object.keys(schema.shape).length;
function areHashes(topics: readonly string[]): boolean {
  for (const topic of topics) if (!isHash(topic)) return false;
  return true;
}

/** The schema once more, by hand: every matcher reads every log. */
function isPlainlyLog(value: unknown): value is Log {
  if (typeof value !== "object" || value === null) return false;
  const log = value as Log;
  return (
    log.v === 1 &&
    (log.kind === "new" || log.kind === "removed") &&
    isCount(log.chainId) &&
    log.chainId > 0 &&
    isCount(log.blockNumber) &&
    isHash(log.blockHash) &&
    isCount(log.blockTimestamp) &&
    isHash(log.transactionHash) &&
    isCount(log.transactionIndex) &&
    isCount(log.logIndex) &&
    isLowerAddress(log.address) &&
    Array.isArray(log.topics) &&
    log.topics.length <= 4 &&
    areHashes(log.topics) &&
    typeof log.data === "string" &&
    log.data.startsWith("0x") &&
    isCount(log.sequence) &&
    isCount(log.addedSequence) &&
    (log.proof === "bloom" || log.proof === "receipts" || log.proof === "none") &&
    isTime(log.seenAtMs) &&
    keysOf(log) === fieldCount
  );
}

export const logCodec = jsonCodec<Log>("log", 1, schema, isPlainlyLog);

/** `chainId:blockHash:logIndex`: the same log in two competing blocks is two events. */
export function eventId(log: Pick<Log, "chainId" | "blockHash" | "logIndex">): string {
  return `${log.chainId}:${log.blockHash}:${log.logIndex}`;
}
