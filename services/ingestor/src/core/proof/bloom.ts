import type { ChainLog } from "../model.ts";
import { keccak256 } from "./keccak.ts";

const bloomBytes = 256;
const bloomBits = 2048;
/** Entries in each of two generations: together about 5 MB for a process, whatever the number of chains. */
const cacheEntriesMax = 16_384;

/**
 * Three bit numbers of an address or topic in a bloom, packed as `a + 2048 b + 2048² c`.
 * Two generations stand in for a least-recently-used list: a value that is used again moves to the young one.
 */
function createBitCache(): (hex: string) => number {
  let young = new Map<string, number>();
  let old = new Map<string, number>();
  return (hex) => {
    const known = young.get(hex);
    if (known !== undefined) return known;
    const packed = old.get(hex) ?? bitsOf(hex);
    if (young.size >= cacheEntriesMax) {
      old = young;
      young = new Map();
    }
    young.set(hex, packed);
    return packed;
  };
}

function bitsOf(hex: string): number {
  const hash = keccak256(Buffer.from(hex.slice(2), "hex"));
  const bit = (at: number) => (((hash[at] ?? 0) << 8) | (hash[at + 1] ?? 0)) % bloomBits;
  return bit(0) + bit(2) * bloomBits + bit(4) * bloomBits * bloomBits;
}

// A cache of a pure function: sharing it between chains changes nothing but the memory that it takes.
const cachedBits = createBitCache();

function setBit(bloom: Uint8Array, bit: number): void {
  const at = bloomBytes - 1 - (bit >> 3);
  bloom[at] = (bloom[at] ?? 0) | (1 << (bit & 7));
}

function add(bloom: Uint8Array, hex: string): void {
  const packed = cachedBits(hex);
  setBit(bloom, packed % bloomBits);
  setBit(bloom, Math.floor(packed / bloomBits) % bloomBits);
  setBit(bloom, Math.floor(packed / (bloomBits * bloomBits)));
}

/**
 * The bloom filter that a header must carry if these are its block's logs.
 * @see https://ethereum.github.io/yellowpaper/paper.pdf section 4.3.1
 */
export function bloomOf(logs: Iterable<Pick<ChainLog, "address" | "topics">>): Buffer {
  const bloom = Buffer.alloc(bloomBytes);
  for (const log of logs) {
    add(bloom, log.address);
    for (const topic of log.topics) add(bloom, topic);
  }
  return bloom;
}

/**
 * How the bloom that logs make up stands to their header's.
 * - `holds`: equal. - `exceeds`: every bit of the header's, and others: logs that the header leaves out.
 * - `lacks`: a bit of the header's is not there: so is the log that made it.
 */
export type BloomFit = "holds" | "exceeds" | "lacks";

export function fitOf(logsBloom: string, logs: Iterable<Pick<ChainLog, "address" | "topics">>): BloomFit {
  const [made, wanted] = [bloomOf(logs), Buffer.from(logsBloom.slice(2), "hex")];
  if (made.equals(wanted)) return "holds";
  return wanted.length === bloomBytes && wanted.every((byte, at) => (byte & ~(made[at] ?? 0)) === 0)
    ? "exceeds"
    : "lacks";
}

/** Whether a header's bloom, as `0x` text, says that the block has no log at all. */
export function isEmptyBloom(logsBloom: string): boolean {
  return /^0x0*$/.test(logsBloom);
}
