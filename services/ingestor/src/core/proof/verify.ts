import { type BloomFit, fitOf } from "./bloom.ts";
import type { CheckName } from "./checks.ts";
import type { BlockRef, ChainLog, Header } from "../model.ts";
import { parseLog } from "../rpc/rpc-parse.ts";

/** Why what a provider said is not believed. */
export interface Refusal {
  readonly ok: false;
  readonly check: CheckName;
  readonly reason: string;
}

export type Verdict =
  | { readonly ok: true; readonly logs: readonly ChainLog[]; readonly bloom: BloomFit | "unknown" }
  | Refusal;

const refuse = (check: CheckName, reason: string) => ({ ok: false, check, reason }) as const;

/**
 * Whether `rawLogs` can be all the logs of the block and nothing else: each names this block and the transaction that
 * stands at its place, and `logIndex` runs 0, 1, 2 … Pure.
 * `bloom`: whether the one recomputed from them equals the header's, which a missing log almost always breaks. Not
 * proven by it: a missing tail whose bits all occur elsewhere in the block; only receipts can prove that.
 * @returns the logs in the order of `logIndex`, or the first check that failed.
 */
export function verifyLogs(header: Header, rawLogs: unknown, computeBloom = true): Verdict {
  if (!Array.isArray(rawLogs)) return refuse("shape", "the answer is not a list of logs");
  const logs: ChainLog[] = [];
  for (const raw of rawLogs as readonly unknown[]) {
    const read = readOwnLog(header, raw);
    if (!read.ok) return read;
    logs.push(read.log);
  }
  return verifyParsed(header, logs, computeBloom);
}

/** Reads a log and holds it to its block. */
export function readOwnLog(
  header: BlockRef,
  raw: unknown,
): { readonly ok: true; readonly log: ChainLog } | Refusal {
  const parsed = parseLog(raw);
  if (!parsed.ok) return refuse("shape", parsed.reason);
  const { blockHash, blockNumber, log } = parsed.value;
  if (blockHash !== header.hash || blockNumber !== header.number)
    return refuse("belongs", `log ${log.logIndex} is of block ${blockNumber} ${blockHash}`);
  return { ok: true, log };
}

/** As `verifyLogs`, for logs that were read and found to name this block. */
export function verifyParsed(header: Header, unordered: readonly ChainLog[], computeBloom = true): Verdict {
  const logs = inOrder(unordered);
  let lastTransaction = 0;
  for (const [index, log] of logs.entries()) {
    if (log.logIndex !== index)
      return refuse("index", `${logs.length} logs, but logIndex ${log.logIndex} stands at ${index}`);
    if (log.transactionIndex < lastTransaction)
      return refuse("index", `log ${index} is of an earlier transaction than the log before it`);
    lastTransaction = log.transactionIndex;
    if (header.transactionHashes && header.transactionHashes[log.transactionIndex] !== log.transactionHash)
      return refuse("belongs", `log ${index} names a transaction that the block does not have there`);
  }
  return { ok: true, logs, bloom: computeBloom ? fitOf(header.logsBloom, logs) : "unknown" };
}

/**
 * The logs within a block's receipts, if there is exactly one receipt for each transaction, in order. Pure.
 * Null items and receipts of other blocks occur; both fail here.
 */
export function logsOfReceipts(
  header: Header,
  rawReceipts: unknown,
):
  | { readonly ok: true; readonly logs: readonly unknown[] }
  | { readonly ok: false; readonly check: CheckName; readonly reason: string } {
  if (!Array.isArray(rawReceipts)) return refuse("receipts", "the answer is not a list of receipts");
  const receipts = rawReceipts as readonly ({ readonly [field: string]: unknown } | null)[];
  const hashes = header.transactionHashes;
  if (hashes && hashes.length !== receipts.length)
    return refuse("receipts", `${receipts.length} receipts for ${hashes.length} transactions`);
  const logs: unknown[] = [];
  for (const [index, receipt] of receipts.entries()) {
    const transaction = String(receipt?.["transactionHash"]).toLowerCase();
    const itsLogs = receipt?.["logs"];
    if (!Array.isArray(itsLogs) || (hashes && hashes[index] !== transaction))
      return refuse("receipts", `receipt ${index} is not of transaction ${hashes?.[index] ?? index}`);
    for (const log of itsLogs) logs.push(log);
  }
  return { ok: true, logs };
}

/** Nodes send logs in order; only one that does not costs a sort. */
function inOrder(logs: readonly ChainLog[]): readonly ChainLog[] {
  for (let at = 1; at < logs.length; at++) {
    if ((logs[at - 1]?.logIndex ?? 0) > (logs[at]?.logIndex ?? 0))
      return logs.toSorted((a, b) => a.logIndex - b.logIndex);
  }
  return logs;
}
