import { createHash } from "node:crypto";
import type { Log } from "@ethhook/schemas";
import type { Random } from "./random.ts";

/**
 * A real block as a mold for many: contracts, kinds of events, lengths and zeros stay as they are on the chain; what differs from
 * block to block (hashes, people's addresses, amounts) is new in each. Plain repetition would compress as no chain does.
 */
export interface BlockMold {
  readonly chainId: number;
  readonly logs: number;
  cast(at: BlockPlace, random: Random): Log[];
}

export interface BlockPlace {
  readonly number: number;
  /** Unix milliseconds when the block was seen; its own time is the second before. */
  readonly seenAtMs: number;
}

/** Fixed text, an address of the block by its number, or so many random bytes. */
type Part = string | { readonly address: number } | { readonly randomBytes: number };

interface LogMold {
  readonly transaction: number;
  readonly contract: readonly Part[];
  readonly topics: readonly (readonly Part[])[];
  readonly data: readonly Part[];
}

/** An address seen so often in one block is a router, a pool or a token: it stays in every block. */
const hotAppearances = 5;
/** Addresses and quiet contracts that come up again and again. */
const people = 200_000;
const quietContracts = 20_000;
const wordChars = 64;

/** @param logs of one real block, of any chain. */
export function moldOf(logs: readonly Log[], chainId: number): BlockMold {
  const appearances = countAddresses(logs);
  const cold = [...appearances].filter(([, count]) => count < hotAppearances).map(([address]) => address);
  const numberOf = new Map(cold.map((address, index) => [address, index]));
  const emitters = new Set(logs.map(({ address }) => address.slice(2)));
  const isContract = cold.map((address) => emitters.has(address));
  const molds = logs.map((log): LogMold => ({
    transaction: log.transactionIndex,
    contract: addressParts(log.address.slice(2), numberOf),
    topics: log.topics.map((topic, index) =>
      index === 0 ? [topic.slice(2)] : wordParts(topic.slice(2), numberOf),
    ),
    data: wordsOf(log.data.slice(2)).flatMap((word) => wordParts(word, numberOf)),
  }));
  const transactions = [...new Set(logs.map(({ transactionIndex }) => transactionIndex))];

  return {
    chainId,
    logs: logs.length,
    cast({ number, seenAtMs }, random) {
      const addresses = isContract.map((contract) =>
        contract
          ? wellKnown("contract", random.skewed(quietContracts))
          : random.chance(0.7)
            ? wellKnown("person", random.skewed(people))
            : random.hex(20),
      );
      const text = (parts: readonly Part[]): string =>
        `0x${parts.map((part) => (typeof part === "string" ? part : "address" in part ? addresses[part.address] : random.hex(part.randomBytes))).join("")}`;
      const hashes = new Map(transactions.map((index) => [index, `0x${random.hex(32)}`]));
      const blockHash = `0x${random.hex(32)}`;
      return molds.map(({ transaction, contract, topics, data }, logIndex) => ({
        v: 1,
        kind: "new",
        chainId,
        blockNumber: number,
        blockHash,
        blockTimestamp: Math.floor(seenAtMs / 1_000) - 1,
        transactionHash: hashes.get(transaction) ?? blockHash,
        transactionIndex: transaction,
        logIndex,
        address: text(contract),
        topics: topics.map(text),
        data: text(data),
        sequence: number,
        addedSequence: number,
        proof: "receipts",
        seenAtMs,
      }));
    },
  };
}

/** The n-th address of a kind, the same in every block. */
const known = new Map<string, string>();
function wellKnown(kind: string, n: number): string {
  const name = `${kind} ${n}`;
  let address = known.get(name);
  if (address === undefined) {
    address = createHash("sha256").update(name).digest("hex").slice(0, 40);
    known.set(name, address);
  }
  return address;
}

function countAddresses(logs: readonly Log[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { address, topics, data } of logs) {
    const words = [...topics.slice(1).map((topic) => topic.slice(2)), ...wordsOf(data.slice(2))];
    for (const found of [
      address.slice(2),
      ...words.flatMap((word) => (isAddress(word) ? [word.slice(24)] : [])),
    ]) {
      counts.set(found, (counts.get(found) ?? 0) + 1);
    }
  }
  return counts;
}

/** Twelve bytes of zeros and then hardly any: an address, and no amount. */
function isAddress(word: string): boolean {
  return /^0{24}[0-9a-f]{40}$/.test(word) && !/^0{28}/.test(word) && !/0{8}$/.test(word);
}

function wordsOf(hex: string): string[] {
  return hex.match(new RegExp(`.{1,${wordChars}}`, "g")) ?? [];
}

function addressParts(address: string, numberOf: ReadonlyMap<string, number>): Part[] {
  const number = numberOf.get(address);
  return [number === undefined ? address : { address: number }];
}

/** Amounts keep their length and their zeros at the end; what is small (an offset, a length, a flag) stays as it is. */
function wordParts(word: string, numberOf: ReadonlyMap<string, number>): Part[] {
  if (isAddress(word)) return [word.slice(0, 24), ...addressParts(word.slice(24), numberOf)];
  const [, before = "", inside = "", after = ""] = /^((?:00|ff)*)(.*?)((?:00)*)$/.exec(word) ?? [];
  return inside.length <= 4 ? [word] : [before, { randomBytes: inside.length / 2 }, after];
}
