import { type ErrorCode, PipelineError } from "@ethhook/schemas";

/** Kinds of a provider's failure: label of the metric, and what the pool does next. */
export type RpcFailure =
  | "timeout"
  | "network"
  | "rate-limited"
  | "range-too-large"
  | "unknown-block"
  | "malformed"
  | "refused"
  | "wrong-chain"
  | "unverified";

const codes = {
  timeout: "RPC_TIMEOUT",
  network: "RPC_UNREACHABLE",
  "rate-limited": "RPC_RATE_LIMITED",
  "range-too-large": "RPC_RANGE_TOO_LARGE",
  "unknown-block": "RPC_UNKNOWN_BLOCK",
  malformed: "RPC_MALFORMED",
  refused: "RPC_REFUSED",
  "wrong-chain": "CHAIN_MISMATCH",
  unverified: "BLOCK_UNVERIFIED",
} as const satisfies Record<RpcFailure, ErrorCode>;

/** A provider could not, or would not, give a usable answer. Another one, or a later try, may. */
export class RpcError extends PipelineError {
  readonly failure: RpcFailure;
  /** How long the provider asks to be left alone, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    failure: RpcFailure,
    message: string,
    options: ErrorOptions & { readonly retryAfterMs?: number | undefined } = {},
  ) {
    super(codes[failure], "retry", message, options);
    this.name = "RpcError";
    this.failure = failure;
    this.retryAfterMs = options.retryAfterMs;
  }
}
