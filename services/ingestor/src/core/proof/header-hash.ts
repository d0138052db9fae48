import { RLP } from "@ethereumjs/rlp";
import { keccak256 } from "./keccak.ts";
import { bytesOf, integerBytesOf } from "./rlp-fields.ts";

/** Fields of a header in the order of its RLP. Forks append: a header ends with the last one that it has. */
const fields = [
  ["parentHash", bytesOf],
  ["sha3Uncles", bytesOf],
  ["miner", bytesOf],
  ["stateRoot", bytesOf],
  ["transactionsRoot", bytesOf],
  ["receiptsRoot", bytesOf],
  ["logsBloom", bytesOf],
  ["difficulty", integerBytesOf],
  ["number", integerBytesOf],
  ["gasLimit", integerBytesOf],
  ["gasUsed", integerBytesOf],
  ["timestamp", integerBytesOf],
  ["extraData", bytesOf],
  ["mixHash", bytesOf],
  ["nonce", bytesOf],
  ["baseFeePerGas", integerBytesOf],
  ["withdrawalsRoot", bytesOf],
  ["blobGasUsed", integerBytesOf],
  ["excessBlobGas", integerBytesOf],
  ["parentBeaconBlockRoot", bytesOf],
  ["requestsHash", bytesOf],
] as const;

/**
 * The hash of a block that `eth_getBlockBy…` returned, recomputed from its fields: equal to the asked one, it proves
 * that bloom and receiptsRoot are that block's. A fork that adds a field makes it differ.
 * @returns lower-case `0x` text; null if a field is unreadable.
 */
export function headerHashOf(raw: Readonly<Record<string, unknown>>): string | null {
  const items: Uint8Array[] = [];
  for (const [name, encode] of fields) {
    if (raw[name] === undefined) continue;
    const item = encode(raw[name]);
    if (item === null) return null;
    items.push(item);
  }
  return `0x${Buffer.from(keccak256(RLP.encode(items))).toString("hex")}`;
}

/** What distinguishes one fork's headers from another's. */
function shapeOf(raw: Readonly<Record<string, unknown>>): string {
  return Object.keys(raw).toSorted().join();
}

/** A chain has a few; a provider that makes up more gains nothing by it. */
const shapesMax = 64;

/** Remembers for which headers the recomputed hash was right: for others with the same fields it must be, too. */
export interface ProvenHeaders {
  /** The header hashed to its hash. */
  add(raw: Readonly<Record<string, unknown>>): void;
  /** Whether one with the same fields did. */
  has(raw: Readonly<Record<string, unknown>>): boolean;
}

export function createProvenHeaders(): ProvenHeaders {
  const shapes = new Set<string>();
  return {
    add(raw) {
      if (shapes.size < shapesMax) shapes.add(shapeOf(raw));
    },
    has: (raw) => shapes.has(shapeOf(raw)),
  };
}
