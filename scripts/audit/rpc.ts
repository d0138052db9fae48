import { logsDigest, PipelineError, type Block, type DigestedLog } from "@ethhook/schemas";
import { z } from "zod";
import { blockName } from "./ledger-check.ts";
import type { Problem, Window } from "./types.ts";

const callTimeoutMs = 30_000;
/** Blocks asked for at the same time. */
const callsAtOnce = 4;

const rpcLogs = z.array(
  z.object({
    logIndex: z.string(),
    transactionHash: z.string(),
    address: z.string(),
    topics: z.array(z.string()),
    data: z.string(),
  }),
);
type RpcLog = z.infer<typeof rpcLogs>[number];
/** Nodes that are still indexing a block give null for a receipt of it. */
const rpcReceipts = z.array(z.object({ logs: rpcLogs }).nullable()).nullable();
const rpcAnswer = z.object({
  result: z.unknown().optional(),
  error: z.object({ code: z.number().optional(), message: z.string().optional() }).nullish(),
});

/**
 * Compares the standing blocks of a window with a provider's receipts, by the digest of their logs. A block that the
 * provider does not know, or not whole, is a difference too.
 * @throws PipelineError `AUDIT_IMPOSSIBLE` when the provider is of another chain, or does not answer a question.
 */
export async function auditRpc(
  { chain, records }: Window,
  url: string,
): Promise<{ compared: number; problems: readonly Problem[] }> {
  const removed = new Set(
    [...records.values()].filter(({ kind }) => kind === "removed").map((block) => block.addedSequence),
  );
  const standing = [...records.values()].filter(
    ({ kind, sequence }) => kind === "added" && !removed.has(sequence),
  );
  const id = Number(resultOf(await call(url, "eth_chainId", []), z.string()));
  if (id !== chain.id) impossible("crash", `is of chain ${id}, not of ${chain.name} (${chain.id})`);
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
  if (typeof logs === "string") return logs;
  if (logsDigest(logs) === block.digest) return null;
  return logs.length === block.logCount
    ? `its ${logs.length} logs are not the same`
    : `${logs.length} logs at the provider, ${block.logCount} in the ledger`;
}

const unknownBlock = "the provider does not know this block";

/** Receipts prove more; only a node without that method is asked for the logs. @returns logs, or why there are none. */
async function logsOf({ hash }: Block, url: string): Promise<readonly DigestedLog[] | string> {
  const answer = await call(url, "eth_getBlockReceipts", [hash]);
  if (isMethodMissing(answer)) {
    const logs = await call(url, "eth_getLogs", [{ blockHash: hash }]);
    if (isBlockUnknown(logs)) return unknownBlock;
    return resultOf(logs, rpcLogs.nullable())?.map(toDigested) ?? unknownBlock;
  }
  if (isBlockUnknown(answer)) return unknownBlock;
  const receipts = resultOf(answer, rpcReceipts);
  if (receipts === null) return unknownBlock;
  const whole = receipts.filter((receipt) => receipt !== null);
  const missing = receipts.length - whole.length;
  if (missing > 0) return `the provider lacks ${missing} of its ${receipts.length} receipts`;
  return whole.flatMap(({ logs }) => logs.map(toDigested));
}

type Answer =
  | { readonly ok: true; readonly method: string; readonly result: unknown }
  | { readonly ok: false; readonly method: string; readonly code: number | null; readonly message: string };

/** -32601 is JSON-RPC's code for it and -32004 that of EIP-1474; some gateways have only words. */
function isMethodMissing(answer: Answer): boolean {
  if (answer.ok) return false;
  const words = /method.*(?:not (?:found|supported|available|allowed)|does not exist)|unsupported method/i;
  return answer.code === -32601 || answer.code === -32004 || words.test(answer.message);
}

function isBlockUnknown(answer: Answer): boolean {
  return !answer.ok && /unknown block|(?:block|header)\b.*not found/i.test(answer.message);
}

/** @throws PipelineError `AUDIT_IMPOSSIBLE` for an error, and for a result that is not what the method gives. */
function resultOf<T>(answer: Answer, schema: z.ZodType<T>): T {
  if (!answer.ok) impossible("retry", `answers ${answer.method}: ${answer.message}`);
  const parsed = schema.safeParse(answer.result);
  if (!parsed.success) impossible("retry", `answers ${answer.method} with what it cannot be`);
  return parsed.data;
}

function impossible(disposition: "retry" | "crash", what: string): never {
  throw new PipelineError("AUDIT_IMPOSSIBLE", disposition, `the provider of --rpc ${what}`);
}

async function call(url: string, method: string, params: readonly unknown[]): Promise<Answer> {
  const failed = (message: string, code: number | null = null): Answer => ({
    ok: false,
    method,
    code,
    message,
  });
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
      signal: AbortSignal.timeout(callTimeoutMs),
    });
    const body = await response.text();
    const answer = rpcAnswer.safeParse(asJson(body));
    const error = answer.data?.error ?? null;
    if (error !== null) return failed(error.message ?? "an error without words", error.code ?? null);
    if (!response.ok || !answer.success)
      return failed(`HTTP ${response.status} ${body.slice(0, 200)}`.trim());
    return { ok: true, method, result: answer.data.result ?? null };
  } catch (error) {
    return failed(error instanceof Error ? error.message : String(error));
  }
}

function asJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
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
