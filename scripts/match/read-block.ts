import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Log } from "@ethhook/schemas";
import type { Chain } from "@ethhook/topology";
import { Refusal } from "./refusal.ts";

/** Where a block comes from: a node, two files of one path, or the blocks recorded in this repository. */
export type BlockSource =
  | { readonly kind: "rpc"; readonly url: string }
  | { readonly kind: "fixture"; readonly path: string }
  | { readonly kind: "recorded" };

interface RpcLog {
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
  readonly transactionHash: string;
  readonly transactionIndex: string;
  readonly logIndex: string;
}

interface RpcBlock {
  readonly number: string;
  readonly hash: string;
  readonly timestamp: string;
}

const timeoutMs = 30_000;
const recorded = fileURLToPath(new URL("../../tests/fixtures/blocks/", import.meta.url));

/** Reads all logs of a block, as they would stand in `logs.<chain>`. */
export async function readBlock(
  source: BlockSource,
  chain: Chain,
  number: number | "latest",
): Promise<readonly Log[]> {
  if (source.kind === "rpc") return overRpc(source.url, chain, number);
  if (source.kind === "fixture") return fromFiles(source.path, chain);
  try {
    return await fromFiles(`${recorded}${chain.name}-${number}`, chain);
  } catch {
    throw new Refusal(
      `Block ${number} of ${chain.name} is not among the recorded ones: give --rpc URL, or set ${chain.name.toUpperCase()}_HTTP_URL`,
    );
  }
}

async function fromFiles(path: string, chain: Chain): Promise<readonly Log[]> {
  const read = async <T>(part: string): Promise<T> => {
    const file = `${path}.${part}.json`;
    try {
      return JSON.parse(await readFile(file, "utf8")) as T;
    } catch (error) {
      throw new Refusal(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const block = await read<RpcBlock>("block");
  const receipts = await read<readonly { readonly logs: readonly RpcLog[] }[]>("receipts");
  return receipts.flatMap((receipt) => receipt.logs).map((log) => toLog(log, block, chain));
}

async function overRpc(url: string, chain: Chain, number: number | "latest"): Promise<readonly Log[]> {
  const at = number === "latest" ? number : `0x${number.toString(16)}`;
  const block = await call<RpcBlock | null>(url, "eth_getBlockByNumber", [at, false]);
  if (block === null) throw new Refusal(`The node has no block ${number}`);
  // By hash: a range could silently give less.
  const logs = await call<readonly RpcLog[]>(url, "eth_getLogs", [{ blockHash: block.hash }]);
  return logs.map((log) => toLog(log, block, chain));
}

async function call<T>(url: string, method: string, params: readonly unknown[]): Promise<T> {
  let answer: { result?: T; error?: { message?: string } };
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    answer = (await response.json()) as typeof answer;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw new Refusal(
      `${method}: the node does not answer: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
  if (answer.error !== undefined || answer.result === undefined)
    throw new Refusal(`${method}: ${answer.error?.message ?? "no result"}`);
  return answer.result;
}

function toLog(log: RpcLog, block: RpcBlock, chain: Chain): Log {
  return {
    v: 1,
    kind: "new",
    chainId: chain.id,
    blockNumber: Number(block.number),
    blockHash: block.hash,
    blockTimestamp: Number(block.timestamp),
    transactionHash: log.transactionHash,
    transactionIndex: Number(log.transactionIndex),
    logIndex: Number(log.logIndex),
    address: log.address.toLowerCase(),
    topics: log.topics.map((topic) => topic.toLowerCase()),
    data: log.data.toLowerCase(),
    // A block that is tried has no place in the ledger.
    sequence: 0,
    addedSequence: 0,
    proof: "none",
    seenAtMs: 0,
  };
}
