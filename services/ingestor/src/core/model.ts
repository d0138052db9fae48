import type { Proof } from "@ethhook/schemas";

/** What names a block. */
export interface BlockRef {
  readonly number: number;
  readonly hash: string;
}

/** The parts of a block header that following and proving a chain needs. Hashes are lower-case `0x` text. */
export interface Header extends BlockRef {
  readonly parentHash: string;
  /** Unix seconds. */
  readonly timestamp: number;
  /** `0x` and 512 hex digits. */
  readonly logsBloom: string;
  readonly receiptsRoot: string;
  /** In block order; null when the node did not list them. */
  readonly transactionHashes: readonly string[] | null;
  /** It does not hash to `hash`, where a quirk of the chain may be why: it proves nothing of its block. */
  readonly isDoubted?: true;
}

/** A log as the chain says it, without the block that holds it. */
export interface ChainLog {
  readonly transactionHash: string;
  readonly transactionIndex: number;
  readonly logIndex: number;
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
}

/** A block whose logs passed every check that its chain asks for. Logs are in the order of `logIndex`. */
export interface VerifiedBlock {
  readonly header: Header;
  readonly logs: readonly ChainLog[];
  readonly proof: Proof;
}

/** The first word of a block that a node announces; `header` when the announcement carried all of it. */
export interface HeadNotice extends BlockRef {
  readonly parentHash: string;
  readonly header: Header | null;
  /** The provider that announced it. */
  readonly from: string;
  /** Unix milliseconds. */
  readonly seenAtMs: number;
}
