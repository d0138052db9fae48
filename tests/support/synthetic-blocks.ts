import { createMPT } from "@ethereumjs/mpt";
import { RLP } from "@ethereumjs/rlp";
import { keccak256, toBeHex } from "ethers";
import type { RecordedBlock, RpcLog, RpcReceipt } from "./recorded-blocks.ts";

/**
 * Made-up blocks in the form of recorded ones: header hash, bloom and receiptsRoot are computed as a chain computes
 * them, independently of the ingestor's own code. Synthetic: they prove our logic, not any chain's behaviour.
 */
export interface SyntheticLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
}

export interface SyntheticBlock {
  readonly number: number;
  readonly parentHash: string;
  /** Unix seconds. */
  readonly timestamp: number;
  /** Logs of each transaction. */
  readonly transactions: readonly (readonly SyntheticLog[])[];
  /** Makes blocks with equal contents differ. */
  readonly salt?: string;
  /** False leaves receiptsRoot made up: it costs the most. */
  readonly withReceiptsRoot?: boolean;
  /** Its header has a field more than any that we know of. */
  readonly isForked?: boolean;
}

const zero32 = `0x${"00".repeat(32)}`;
const bloomBytes = 256;
const bits = new Map<string, readonly number[]>();
const bitsMax = 100_000;

function bitsOf(hex: string): readonly number[] {
  const known = bits.get(hex);
  if (known) return known;
  const hash = Buffer.from(keccak256(hex).slice(2), "hex");
  const found = [0, 2, 4].map((at) => hash.readUInt16BE(at) & 2047);
  if (bits.size < bitsMax) bits.set(hex, found);
  return found;
}

function bloomOf(logs: readonly SyntheticLog[]): string {
  const bloom = Buffer.alloc(bloomBytes);
  for (const log of logs) {
    for (const item of [log.address, ...log.topics]) {
      for (const bit of bitsOf(item)) bloom[bloomBytes - 1 - (bit >> 3)]! |= 1 << (bit & 7);
    }
  }
  return `0x${bloom.toString("hex")}`;
}

const bytes = (hex: string) => Buffer.from(hex.slice(2), "hex");
const integer = (value: number) => (value === 0 ? Buffer.alloc(0) : bytes(toBeHex(value)));
const quantity = (value: number) => `0x${value.toString(16)}`;

async function receiptsRootOf(receipts: readonly RpcReceipt[]): Promise<string> {
  const trie = await createMPT();
  for (const [index, receipt] of receipts.entries()) {
    const logs = receipt.logs.map((log) => [bytes(log.address), log.topics.map(bytes), bytes(log.data)]);
    const items = [integer(1), integer(21_000 * (index + 1)), bytes(receipt["logsBloom"] as string), logs];
    await trie.put(RLP.encode(index), Buffer.concat([Buffer.from([2]), RLP.encode(items)]));
  }
  return `0x${Buffer.from(trie.root()).toString("hex")}`;
}

export async function makeSyntheticBlock(spec: SyntheticBlock): Promise<RecordedBlock> {
  const { number, parentHash, timestamp, transactions } = spec;
  const salt = spec.salt ?? "";
  const transactionHashes = transactions.map((_, index) =>
    keccak256(Buffer.from(`${salt}|${parentHash}|${number}|${index}`)),
  );
  const logsBloom = bloomOf(transactions.flat());
  const header = {
    parentHash,
    sha3Uncles: "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
    miner: `0x${"00".repeat(20)}`,
    stateRoot: keccak256(Buffer.from(`${salt}|state|${number}`)),
    transactionsRoot: zero32,
    receiptsRoot: zero32,
    logsBloom,
    difficulty: "0x0",
    number: quantity(number),
    gasLimit: "0x1c9c380",
    gasUsed: quantity(21_000 * transactions.length),
    timestamp: quantity(timestamp),
    extraData: "0x",
    mixHash: zero32,
    nonce: "0x0000000000000000",
    baseFeePerGas: "0x7",
    ...(spec.isForked ? { fieldOfAFork: "0x01" } : {}),
  };
  const makeReceipts = (hash: string): RpcReceipt[] => {
    let logIndex = 0;
    return transactions.map((logs, index) => ({
      blockHash: hash,
      blockNumber: quantity(number),
      transactionHash: transactionHashes[index]!,
      transactionIndex: quantity(index),
      cumulativeGasUsed: quantity(21_000 * (index + 1)),
      gasUsed: quantity(21_000),
      status: "0x1",
      type: "0x2",
      logsBloom: bloomOf(logs),
      logs: logs.map((log): RpcLog => ({
        ...log,
        blockNumber: quantity(number),
        blockHash: hash,
        transactionHash: transactionHashes[index]!,
        transactionIndex: quantity(index),
        logIndex: quantity(logIndex++),
        removed: false,
      })),
    }));
  };
  if (spec.withReceiptsRoot ?? true) header.receiptsRoot = await receiptsRootOf(makeReceipts(zero32));
  const hash = keccak256(RLP.encode(headerItems(header)));
  return { block: { ...header, hash, transactions: transactionHashes }, receipts: makeReceipts(hash) };
}

export interface SyntheticBranch {
  /** Number of the first block. */
  readonly from: number;
  readonly count: number;
  /** How many logs a block has. */
  readonly logsOf: (number: number) => number;
  /** Branches of different salt have different blocks. */
  readonly salt?: string;
  /** Parent of the first block. */
  readonly parentHash?: string;
  /** False leaves receiptsRoot made up: it costs the most. */
  readonly withReceiptsRoot?: boolean;
}

/** Consecutive blocks with ERC-20-like logs of a few contracts, a few logs a transaction. */
export async function makeSyntheticBranch(spec: SyntheticBranch): Promise<RecordedBlock[]> {
  const blocks: RecordedBlock[] = [];
  let parentHash = spec.parentHash ?? keccak256(Buffer.from(`${spec.salt} root`));
  for (let number = spec.from; number < spec.from + spec.count; number++) {
    const logs = Array.from({ length: spec.logsOf(number) }, (_, index) => syntheticLog(number, index));
    const transactions = logs.length === 0 ? [] : chunksOf(logs, 5);
    const block = await makeSyntheticBlock({
      number,
      parentHash,
      timestamp: 1_700_000_000 + number,
      transactions,
      ...(spec.salt === undefined ? {} : { salt: spec.salt }),
      withReceiptsRoot: spec.withReceiptsRoot ?? true,
    });
    blocks.push(block);
    parentHash = block.block.hash;
  }
  return blocks;
}

const transferTopic = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";

function syntheticLog(number: number, index: number): SyntheticLog {
  const word = (value: number) => `0x${value.toString(16).padStart(64, "0")}`;
  return {
    address: `0x${(index % 7).toString(16).padStart(40, "c")}`,
    topics: [transferTopic, word(number), word(index)],
    // Like real data, it does not compress well.
    data: keccak256(Buffer.from(`${number} ${index}`)) + keccak256(Buffer.from(`${index}`)).slice(2),
  };
}

function chunksOf<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

const integers: ReadonlySet<string> = new Set([
  "difficulty",
  "number",
  "gasLimit",
  "gasUsed",
  "timestamp",
  "baseFeePerGas",
]);

function headerItems(header: Readonly<Record<string, string>>): Uint8Array[] {
  return Object.entries(header).map(([name, value]) =>
    integers.has(name) ? integer(Number(value)) : bytes(value),
  );
}
