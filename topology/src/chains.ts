/** What EthHook needs to know of a chain. */
export interface Chain {
  /** EIP-155 id. */
  readonly id: number;
  /** Lower-case name: the suffix of `logs.<name>` and, in capitals, the prefix of `<NAME>_WS_URL`. */
  readonly name: string;
  /** Usual time between blocks, in milliseconds; a head older than three of them is stale. */
  readonly blockTimeMs: number;
  /** Blocks on top of a block before `confirmed` endpoints hear of it. */
  readonly confirmedDepth: number;
  /** Where `finalized` comes from: the node's tag, or a depth for a chain without one. */
  readonly finality: { readonly kind: "tag" } | { readonly kind: "depth"; readonly depth: number };
  /** The chain's partition of `blocks`. Fixed for ever: the ledger is a log. */
  readonly ledgerPartition: number;
}

/** The chains EthHook knows from the start. Others come from configuration (`CHAINS_EXTRA`), see `extra-chains.ts`. */
export const builtInChains: readonly Chain[] = [
  {
    id: 1,
    name: "ethereum",
    blockTimeMs: 12_000,
    confirmedDepth: 12,
    finality: { kind: "tag" },
    ledgerPartition: 0,
  },
  {
    id: 42161,
    name: "arbitrum",
    blockTimeMs: 250,
    confirmedDepth: 240,
    finality: { kind: "tag" },
    ledgerPartition: 1,
  },
  {
    id: 10,
    name: "optimism",
    blockTimeMs: 2_000,
    confirmedDepth: 30,
    finality: { kind: "tag" },
    ledgerPartition: 2,
  },
  {
    id: 8453,
    name: "base",
    blockTimeMs: 2_000,
    confirmedDepth: 30,
    finality: { kind: "tag" },
    ledgerPartition: 3,
  },
];
