/** Every check of a block. Also the label of their metric, and the name in `<CHAIN>_CHECKS`. */
export const checkNames = [
  "shape",
  "belongs",
  "index",
  "bloom",
  "receipts",
  "receipts-root",
  "header-hash",
] as const;
export type CheckName = (typeof checkNames)[number];

/** Checks that depend on how a chain computes its headers, so can be switched. The others always hold. */
export const switchedChecks = ["bloom", "receipts-root", "header-hash"] as const;
export type SwitchedCheck = (typeof switchedChecks)[number];

/**
 * - `enforce`: a block that fails is not published.
 * - `proven`, for header-hash only: a header that fails is asked of every provider. Only where all say the same, it is a quirk of the
 *   chain (a fork added a field), not a lie: the block is published then, but as proven by nothing.
 * - `observe`: a failure is only counted: how a new check begins, and what is left of one where a chain differs. Of a bloom: logs
 *   that the header's does not have are only counted, but one that it has and the logs do not make up refuses them.
 * - `off`: not computed.
 */
export type CheckMode = "enforce" | "proven" | "observe" | "off";

export interface ChainChecks {
  readonly modes: Readonly<Record<SwitchedCheck, CheckMode>>;
  /** Why a check is not enforced on this chain. */
  readonly why: Readonly<Partial<Record<SwitchedCheck, string>>>;
}

/** For a chain that nothing more is known of. */
const usual: ChainChecks = {
  modes: { bloom: "enforce", "receipts-root": "observe", "header-hash": "proven" },
  why: {
    "receipts-root": "not yet proven by a recorded block of this chain",
    "header-hash":
      "a fork that adds a field to the header makes it fail at every provider, and must not stop the chain",
  },
};

const opStack: ChainChecks = {
  ...usual,
  why: {
    ...usual.why,
    "receipts-root":
      "deposit receipts (type 0x7e) have fields of their own, and no recorded block proves their encoding here",
  },
};

/** Where a chain is different, by chain id. */
const byChainId: Readonly<Record<number, ChainChecks>> = {
  1: { ...usual, modes: { ...usual.modes, "receipts-root": "enforce" } },
  10: opStack,
  8453: opStack,
  42161: {
    ...usual,
    why: {
      ...usual.why,
      "receipts-root":
        "some of Arbitrum's own receipt types hash other fields than RPC returns; one recorded block agrees, which is too few",
    },
  },
  137: {
    modes: { ...usual.modes, bloom: "observe" },
    why: {
      ...usual.why,
      bloom: "logs of state-sync transactions are served with their block, but are not in its bloom",
      "receipts-root":
        "receipts of state-sync transactions are served with their block, but are not under its root",
    },
  },
};

/** The checks of a chain, with what its configuration changes. */
export function checksOf(
  chainId: number,
  overrides: Readonly<Partial<Record<SwitchedCheck, CheckMode>>> = {},
): ChainChecks {
  const known = byChainId[chainId] ?? usual;
  return { modes: { ...known.modes, ...overrides }, why: known.why };
}
