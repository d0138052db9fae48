import { RLP } from "@ethereumjs/rlp";
import { keccak256 } from "./keccak.ts";
import { bytesOf, integerBytesOf } from "./rlp-fields.ts";

type Fields = Readonly<Record<string, unknown>>;
type Item = Uint8Array | Item[];

/** Deposits of OP chains carry two fields of their own since the forks Regolith and Canyon. */
const depositType = 0x7e;

/**
 * The root of the trie of a block's receipts, in the order of their transactions.
 * @param receipts as `eth_getBlockReceipts` returns them.
 * @returns lower-case `0x` text; null if a receipt is unreadable.
 */
export async function receiptsRootOf(receipts: readonly unknown[]): Promise<string | null> {
  // Only where roots are proven: it takes 20 MB of memory.
  const { createMPT } = await import("@ethereumjs/mpt");
  const trie = await createMPT({ useKeyHashingFunction: keccak256 });
  for (const [index, receipt] of receipts.entries()) {
    const encoded = encodeReceipt(receipt);
    if (encoded === null) return null;
    await trie.put(RLP.encode(index), encoded);
  }
  return `0x${Buffer.from(trie.root()).toString("hex")}`;
}

function encodeReceipt(raw: unknown): Uint8Array | null {
  if (typeof raw !== "object" || raw === null) return null;
  const receipt = raw as Fields;
  const logs = encodeLogs(receipt["logs"]);
  // Before Byzantium a receipt had the state's root where it now has a status.
  const outcome =
    receipt["root"] === undefined ? integerBytesOf(receipt["status"]) : bytesOf(receipt["root"]);
  const gas = integerBytesOf(receipt["cumulativeGasUsed"]);
  const bloom = bytesOf(receipt["logsBloom"]);
  const type = Number(receipt["type"] ?? 0);
  if (!logs || !outcome || !gas || !bloom || !(type >= 0 && type <= 0x7f)) return null;
  const items: Item[] = [outcome, gas, bloom, logs];
  if (type === depositType) {
    for (const name of ["depositNonce", "depositReceiptVersion"]) {
      const item = integerBytesOf(receipt[name]);
      if (item) items.push(item);
    }
  }
  const encoded = RLP.encode(items);
  return type === 0 ? encoded : Buffer.concat([Buffer.from([type]), encoded]);
}

function encodeLogs(raw: unknown): Item[] | null {
  if (!Array.isArray(raw)) return null;
  const logs: Item[] = [];
  for (const item of raw as readonly (Fields | null)[]) {
    const address = bytesOf(item?.["address"]);
    const data = bytesOf(item?.["data"]);
    const topics = item?.["topics"];
    if (!address || !data || !Array.isArray(topics)) return null;
    const encodedTopics = topics.map(bytesOf);
    if (encodedTopics.includes(null)) return null;
    logs.push([address, encodedTopics as Uint8Array[], data]);
  }
  return logs;
}
