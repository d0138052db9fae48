import type { ChainLog, Header } from "../model.ts";

/** Outcome of reading what a node sent: expected to fail, so a value. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

type Fields = Readonly<Record<string, unknown>>;

const quantityPattern = /^0x[0-9a-f]{1,16}$/i;
const hashLength = 66;
const addressLength = 42;
const bloomLength = 514;

/** A JSON-RPC quantity (`0x1b4`) that fits 2^53 - 1, else null. */
export function quantity(value: unknown): number | null {
  if (typeof value !== "string" || !quantityPattern.test(value)) return null;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : null;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Lower-case text of exactly `length` characters, `0x` included, else null. Digits are not looked at. */
function hex(value: unknown, length: number): string | null {
  return typeof value === "string" && value.length === length && value.startsWith("0x")
    ? value.toLowerCase()
    : null;
}

const bad = (reason: string) => ({ ok: false, reason }) as const;

/** Reads a block of `eth_getBlockBy…` or a `newHeads` announcement. Full transactions or their hashes both do. */
export function parseHeader(raw: unknown): Parsed<Header> {
  if (!isFields(raw)) return bad("the block is not an object");
  const number = quantity(raw["number"]);
  const hash = hex(raw["hash"], hashLength);
  const parentHash = hex(raw["parentHash"], hashLength);
  const timestamp = quantity(raw["timestamp"]);
  const logsBloom = hex(raw["logsBloom"], bloomLength);
  const receiptsRoot = hex(raw["receiptsRoot"], hashLength);
  if (number === null) return bad("the block has no number");
  if (hash === null) return bad(`block ${number} has no hash`);
  if (parentHash === null) return bad(`block ${number} has no parentHash`);
  if (timestamp === null) return bad(`block ${number} has no timestamp`);
  if (logsBloom === null) return bad(`block ${number} has no logsBloom`);
  if (receiptsRoot === null) return bad(`block ${number} has no receiptsRoot`);
  const transactionHashes = parseTransactionHashes(raw["transactions"]);
  if (transactionHashes === undefined) return bad(`block ${number} has unreadable transactions`);
  return {
    ok: true,
    value: { number, hash, parentHash, timestamp, logsBloom, receiptsRoot, transactionHashes },
  };
}

/** null: not listed. undefined: listed, but unreadable. */
function parseTransactionHashes(raw: unknown): string[] | null | undefined {
  if (raw === undefined || raw === null) return null;
  if (!Array.isArray(raw)) return undefined;
  const hashes: string[] = [];
  for (const item of raw as readonly unknown[]) {
    const hash = hex(isFields(item) ? item["hash"] : item, hashLength);
    if (hash === null) return undefined;
    hashes.push(hash);
  }
  return hashes;
}

/** A log with the block that its node says it is of. */
export interface PlacedLog {
  readonly blockHash: string;
  readonly blockNumber: number;
  readonly log: ChainLog;
}

/** Reads one log of `eth_getLogs` or of a receipt. */
export function parseLog(raw: unknown): Parsed<PlacedLog> {
  if (!isFields(raw)) return bad("a log is not an object");
  const logIndex = quantity(raw["logIndex"]);
  if (logIndex === null) return bad("a log has no readable logIndex");
  if (raw["removed"] === true) return bad(`log ${logIndex} is marked removed`);
  const blockHash = hex(raw["blockHash"], hashLength);
  const blockNumber = quantity(raw["blockNumber"]);
  const transactionHash = hex(raw["transactionHash"], hashLength);
  const transactionIndex = quantity(raw["transactionIndex"]);
  const address = hex(raw["address"], addressLength);
  const topics = parseTopics(raw["topics"]);
  const data = raw["data"];
  if (blockHash === null || blockNumber === null) return bad(`log ${logIndex} names no block`);
  if (transactionHash === null || transactionIndex === null)
    return bad(`log ${logIndex} names no transaction`);
  if (address === null) return bad(`log ${logIndex} has no address`);
  if (topics === null) return bad(`log ${logIndex} has unreadable topics`);
  if (typeof data !== "string" || !data.startsWith("0x") || data.length % 2 !== 0)
    return bad(`log ${logIndex} has unreadable data`);
  const log = { transactionHash, transactionIndex, logIndex, address, topics, data: data.toLowerCase() };
  return { ok: true, value: { blockHash, blockNumber, log } };
}

function parseTopics(raw: unknown): string[] | null {
  if (!Array.isArray(raw) || raw.length > 4) return null;
  const topics: string[] = [];
  for (const item of raw as readonly unknown[]) {
    const topic = hex(item, hashLength);
    if (topic === null) return null;
    topics.push(topic);
  }
  return topics;
}
