import { logsDigest, PipelineError, type Block, type DigestedLog } from "@ethhook/schemas";
import { blockName } from "./ledger-check.ts";
import type { Problem, Window } from "./types.ts";

const callTimeoutMs = 30_000;
/** Blocks asked for at the same time. */
const callsAtOnce = 4;

interface RpcLog {
  readonly logIndex: string;
  readonly transactionHash: string;
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
}

/**
 * Compares the standing blocks of a window with a provider's receipts, by the digest of their logs. A block that the
 * provider does not know is a difference too.
 */
export async function auditRpc(
  { records }: Window,
  url: string,
): Promise<{ compared: number; problems: readonly Problem[] }> {
  const removed = new Set(
    [...records.values()].filter(({ kind }) => kind === "removed").map((block) => block.addedSequence),
  );
  const standing = [...records.values()].filter(
    ({ kind, sequence }) => kind === "added" && !removed.has(sequence),
  );
  const problems: Problem[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let block = standing[next++]; block !== undefined; block = standing[next++]) {
      const problem = await compare(block, url);
      if (problem !== null) problems.push({ code: "RPC_DIFFERS", at: blockName(block), detail: problem });
    }
  };
  await Promise.all(Array.from({ length: callsAtOnce }, worker));
  return { compared: standing.length, problems };
}

async function compare(block: Block, url: string): Promise<string | null> {
  const logs = await logsOf(block, url);
  if (logs === null) return "the provider does not know this block";
  if (logsDigest(logs) === block.digest) return null;
  return logs.length === block.logCount
    ? `its ${logs.length} logs are not the same`
    : `${logs.length} logs at the provider, ${block.logCount} in the ledger`;
}

/** Receipts prove more; a node without that method is asked for the logs. */
async function logsOf({ hash }: Block, url: string): Promise<readonly DigestedLog[] | null> {
  const receipts = await call<readonly { logs: readonly RpcLog[] }[]>(url, "eth_getBlockReceipts", [hash]);
  if (receipts.ok) return receipts.result?.flatMap(({ logs }) => logs.map(toDigested)) ?? null;
  const logs = await call<readonly RpcLog[]>(url, "eth_getLogs", [{ blockHash: hash }]);
  if (logs.ok) return logs.result?.map(toDigested) ?? null;
  if (/unknown block|not found/i.test(logs.message)) return null;
  throw new PipelineError("AUDIT_IMPOSSIBLE", "retry", `the provider of --rpc answers: ${logs.message}`);
}

type Answer<T> =
  | { readonly ok: true; readonly result: T | null }
  | { readonly ok: false; readonly message: string };

async function call<T>(url: string, method: string, params: readonly unknown[]): Promise<Answer<T>> {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
      signal: AbortSignal.timeout(callTimeoutMs),
    });
    const answer = (await response.json()) as { result?: T | null; error?: { message?: string } };
    if (answer.error !== undefined)
      return { ok: false, message: answer.error.message ?? "an error without words" };
    return { ok: true, result: answer.result ?? null };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}

function toDigested(log: RpcLog): DigestedLog {
  return {
    logIndex: Number(log.logIndex),
    transactionHash: log.transactionHash.toLowerCase(),
    address: log.address.toLowerCase(),
    topics: log.topics.map((topic) => topic.toLowerCase()),
    data: log.data.toLowerCase(),
  };
}
