import { createHash } from "node:crypto";
import { bloomOf } from "../core/proof/bloom.ts";
import { RpcError } from "../core/rpc/rpc-error.ts";

type Raw = Readonly<Record<string, unknown>>;

/** A made-up block as a node serves it: hashes are names, the bloom is right. */
export interface MadeBlock {
  readonly block: Raw & { readonly hash: string };
  readonly logs: readonly Raw[];
  readonly receipts: readonly Raw[];
}

export const hashOf = (name: string): string => `0x${createHash("sha256").update(name).digest("hex")}`;
export const bloomTextOf = (logs: readonly Raw[]): string =>
  `0x${bloomOf(logs as { address: string; topics: string[] }[]).toString("hex")}`;
const hex = (value: number) => `0x${value.toString(16)}`;

/** Block `number` of branch `branch`, with `logCount` logs, on the block of `parentBranch` below it. */
export function makeBlock(
  number: number,
  branch: string,
  logCount: number,
  parentBranch = branch,
): MadeBlock {
  const hash = hashOf(`${branch}${number}`);
  const logs = Array.from({ length: logCount }, (_, index) => ({
    address: `0x${hashOf(`contract ${index % 3}`).slice(2, 42)}`,
    topics: [hashOf(`topic ${number} ${index}`)],
    data: hashOf(`data ${branch} ${number} ${index}`),
    blockNumber: hex(number),
    blockHash: hash,
    transactionHash: hashOf(`tx ${branch} ${number} ${index}`),
    transactionIndex: hex(index),
    logIndex: hex(index),
    removed: false,
  }));
  return {
    logs,
    receipts: logs.map((log) => ({ transactionHash: log.transactionHash, logs: [log] })),
    block: {
      number: hex(number),
      hash,
      parentHash: hashOf(`${parentBranch}${number - 1}`),
      timestamp: hex(1_700_000_000 + number),
      logsBloom: bloomTextOf(logs),
      receiptsRoot: hashOf("root"),
      transactions: logs.map((log) => log.transactionHash),
    },
  };
}

export function makeBranch(from: number, to: number, branch = "a", logCount = 2): MadeBlock[] {
  return Array.from({ length: to - from + 1 }, (_, index) => makeBlock(from + index, branch, logCount));
}

/** Answers of an honest node that has these blocks. Later blocks of a number are the canonical ones. */
export function honestNode(blocks: readonly MadeBlock[]) {
  const byHash = (hash: unknown) => blocks.findLast(({ block }) => block.hash === hash);
  const byNumber = (number: unknown) =>
    blocks.findLast(({ block }) => Number(block["number"]) === Number(number));
  return (method: string, params: readonly unknown[]): unknown => {
    if (method === "eth_chainId") return "0x1";
    if (method === "eth_getBlockByHash") return byHash(params[0])?.block ?? null;
    if (method === "eth_getBlockReceipts") return byHash(params[0])?.receipts ?? null;
    if (method === "eth_getBlockByNumber") {
      if (params[0] === "latest") return blocks.at(-1)?.block ?? null;
      return params[0] === "finalized" ? null : (byNumber(params[0])?.block ?? null);
    }
    const filter = params[0] as { blockHash?: string; fromBlock?: string; toBlock?: string };
    if (filter.blockHash === undefined) {
      const isInside = ({ block }: MadeBlock) =>
        Number(block["number"]) >= Number(filter.fromBlock) &&
        Number(block["number"]) <= Number(filter.toBlock);
      return blocks.filter(isInside).flatMap(({ logs }) => logs);
    }
    const found = byHash(filter.blockHash);
    if (!found) throw new RpcError("unknown-block", "unknown block");
    return found.logs;
  };
}
