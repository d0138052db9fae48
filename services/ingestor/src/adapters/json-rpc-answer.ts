import { RpcError, type RpcFailure } from "../core/rpc/rpc-error.ts";

/** One JSON-RPC answer, as far as it was readable. */
export interface RpcAnswer {
  readonly id?: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
}

/**
 * How nodes word the failures that matter. First match decides; rate limits come first, because some of them say
 * "limit exceeded" with the code of a range limit. A wording that is missing here costs little: a range is halved
 * after any error.
 */
const wordings: readonly (readonly [RpcFailure, readonly RegExp[]])[] = [
  [
    "rate-limited",
    [
      /\b429\b|too many requests|rate.?limit|call rate|request limit/i,
      /(?:requests?|compute units) per (?:second|minute|day)|daily request|over capacity/i,
    ],
  ],
  [
    "range-too-large",
    [
      /block range|limited to a? ?[\d,]+|\branges? (?:is |are )?(?:over|too|exceed|limit)|blocks? range/i,
      /too (?:large|big|wide|many (?:blocks|logs|results))/i,
      /more than \d+ (?:results|logs|blocks)|max(?:imum)? (?:results|logs|blocks|\d+)|exceeds limit/i,
      /(?:size|response) (?:is )?(?:exceeded|larger|limit)|query timeout|timed? ?out/i,
    ],
  ],
  [
    "unknown-block",
    [
      /unknown block|(?:block|header) not found|missing trie node|pruned|not (?:yet )?available/i,
      /block .{0,80}(?:not found|does not exist|cannot be found)/i,
    ],
  ],
];

/** The failure that an error object of a node stands for. */
export function failureOf(method: string, error: unknown): RpcError {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const text = typeof message === "string" ? message : JSON.stringify(error);
  const said = `${method}: ${text.slice(0, 300)}${typeof code === "number" ? ` (code ${code})` : ""}`;
  if (code === 429) return new RpcError("rate-limited", said);
  for (const [failure, patterns] of wordings) {
    if (patterns.some((pattern) => pattern.test(text))) return new RpcError(failure, said);
  }
  // -32005 is "limit exceeded" in EIP-1474, of whatever kind: for logs that is the range.
  if (code === -32005)
    return new RpcError(method === "eth_getLogs" ? "range-too-large" : "rate-limited", said);
  return new RpcError("refused", said);
}
