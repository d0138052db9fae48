import type { Block } from "@ethhook/schemas";
import type { BlockRef, ChainLog, HeadNotice, Header, VerifiedBlock } from "./model.ts";

/** What spares requests for a block. */
export interface KnownOfBlock {
  /** As `headerByHash` returned it. */
  readonly header?: Header;
  /** The announced bloom: if it is empty, logs are not asked for before the header confirms it. */
  readonly bloomHint?: string;
  /** The provider that announced the block, so has it. */
  readonly from?: string;
}

/** Where blocks come from. Whatever it returns was verified as the chain asks for. Rejects with an `RpcError`. */
export interface BlockSource {
  /** The newest block of a healthy provider; of another one than `avoid` if there is one. */
  latest(avoid?: string): Promise<HeadNotice>;
  /** @throws RpcError `RPC_UNKNOWN_BLOCK` if no provider has it (yet, or any more). */
  headerByHash(hash: string): Promise<Header>;
  /** The block's logs, proven complete. */
  block(ref: BlockRef, known: KnownOfBlock): Promise<VerifiedBlock>;
  /** Consecutive blocks of the canonical chain, in order, fetched ahead in bounded number. */
  range(fromNumber: number, toNumber: number): AsyncIterable<VerifiedBlock>;
  /** The block of the node's `finalized` tag; null if it has none. */
  finalized(): Promise<BlockRef | null>;
}

/** One ledger record and the logs that go with it, published together or not at all. */
export interface LedgerEntry {
  /** Counts and digests `logs` alone. */
  readonly record: Block;
  readonly logs: readonly ChainLog[];
  /** Logs larger than a record can be: a dead letter with a reference stands for each. */
  readonly refused: readonly ChainLog[];
}

/**
 * The chain's ledger and log topics. Any rejection of `append` means an unknown outcome: `open` again and believe only
 * the tail that it returns.
 */
export interface Ledger {
  /**
   * Fences every older writer of this chain, then reads the newest records.
   * @returns consecutive records, oldest first, at least back to the block that is final; empty for a new ledger.
   */
  open(): Promise<readonly Block[]>;
  /** The newest records, the last one appended among them; at least `count` unless the ledger has fewer; oldest first. */
  readTail(count: number): Promise<readonly Block[]>;
  /** One transaction. */
  append(entries: readonly LedgerEntry[]): Promise<void>;
  /**
   * The logs that were published with these `added` records, by sequence, however recently. Absent: the topic no longer holds
   * them.
   */
  readLogs(added: readonly Block[]): Promise<ReadonlyMap<number, readonly ChainLog[]>>;
  close(): Promise<void>;
}

/** What a chain's follower tells the world. Nothing depends on it. */
export interface FollowerObserver {
  appended(entries: readonly LedgerEntry[]): void;
  /** A branch was left. `belowFinalized`: a block that counted as final was among the removed ones. */
  reorged(reorg: {
    readonly ancestor: number;
    readonly depth: number;
    readonly belowFinalized: boolean;
  }): void;
  /** A removed block's logs are no longer in the topic: its `removed` logs cannot be published. */
  bodiesLost(block: Block): void;
  /** The finalized tag names a block that is not ours. */
  finalityConflict(ref: BlockRef): void;
  progressed(progress: { readonly done: number; readonly logs: number; readonly remaining: number }): void;
}
