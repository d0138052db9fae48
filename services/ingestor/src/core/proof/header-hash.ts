import { RLP } from "@ethereumjs/rlp";
import { keccak256 } from "./keccak.ts";
import { bytesOf, integerBytesOf } from "./rlp-fields.ts";

/**
 * Fields of a header in the order of its RLP. Forks append: a header ends with the last one that it has. The last two are of the fork
 * Amsterdam (EIP-7928, EIP-7843), as clients name them; no block of it is recorded here. Were they wrong, the hash would not hold.
 */
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
  ["blockAccessListHash", bytesOf],
  ["slotNumber", integerBytesOf],
] as const;

/**
 * The hash of a block that `eth_getBlockBy…` returned, recomputed from its fields: equal to the asked one, it proves
 * that bloom and receiptsRoot are that block's. A fork that adds a field makes it differ, whoever sends the header.
 * @returns lower-case `0x` text; null if a field is unreadable.
 */
export function headerHashOf(raw: Readonly<Record<string, unknown>>): string | null {
  const items: Uint8Array[] = [];
  for (const [name, encode] of fields) {
    if (raw[name] === undefined || raw[name] === null) continue;
    const item = encode(raw[name]);
    if (item === null) return null;
    items.push(item);
  }
  return `0x${Buffer.from(keccak256(RLP.encode(items))).toString("hex")}`;
}
