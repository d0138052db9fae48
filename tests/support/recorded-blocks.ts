import { readFile } from "node:fs/promises";

/** A log as a node serves it. */
export interface RpcLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly blockNumber: string;
  readonly blockHash: string;
  readonly blockTimestamp?: string;
  readonly transactionHash: string;
  readonly transactionIndex: string;
  readonly logIndex: string;
  readonly removed: boolean;
}

export interface RpcReceipt {
  readonly transactionHash: string;
  readonly transactionIndex: string;
  readonly logs: readonly RpcLog[];
  readonly [field: string]: unknown;
}

export interface RpcBlock {
  readonly number: string;
  readonly hash: string;
  readonly parentHash: string;
  readonly timestamp: string;
  readonly logsBloom: string;
  readonly receiptsRoot: string;
  /** Full transactions, or their hashes. */
  readonly transactions: readonly (string | { readonly hash: string })[];
  readonly [field: string]: unknown;
}

/** A block and its receipts, in the form in which a node serves them. */
export interface RecordedBlock {
  readonly block: RpcBlock;
  readonly receipts: readonly RpcReceipt[];
}

const folder = new URL("../fixtures/blocks/", import.meta.url);

/** A block of `tests/fixtures/blocks` by chain and number, as a real node served it. */
export async function readRecordedBlock(
  chain: "ethereum" | "arbitrum" | "polygon",
  number: number,
): Promise<RecordedBlock> {
  const read = async (part: string): Promise<unknown> =>
    JSON.parse(await readFile(new URL(`${chain}-${number}.${part}.json`, folder), "utf8"));
  const [block, receipts] = await Promise.all([read("block"), read("receipts")]);
  return { block: block as RpcBlock, receipts: receipts as RpcReceipt[] };
}

/** All logs of a recorded block, in the order of `logIndex`. */
export function logsOf(recorded: RecordedBlock): readonly RpcLog[] {
  return recorded.receipts.flatMap((receipt) => receipt.logs);
}
