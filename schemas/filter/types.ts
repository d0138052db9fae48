import type { AbiType } from "./abi-type.ts";

/** The part of a log that a filter looks at: lower-case `0x` text, as in `Log`. */
export interface FilterableLog {
  readonly chainId: number;
  readonly address: string;
  readonly topics: readonly string[];
  readonly data: string;
}

/** Most of each thing that one filter may hold. */
export const filterLimits = {
  /** Longer lists of addresses are named lists, which filters share. */
  addresses: 10_000,
  /** Alternatives of one topic position. */
  topicAlternatives: 1_000,
  /** Alternative events of one filter. */
  events: 50,
  /** Values of one `in` or `nin`. */
  values: 10_000,
  /** Clauses of one event's conditions, `and`, `or` and `not` included. */
  clauses: 1_000,
  /** How deep conditions nest. */
  depth: 32,
  /** Characters of one event signature. */
  signatureChars: 4_096,
} as const;

/** A filter in its normal form: what `parseFilter` made of a user's JSON. Plain data; `printFilter` writes it back. */
export interface Filter {
  /** EIP-155 ids, ascending. Null: every chain. */
  readonly chains: readonly number[] | null;
  /** Null: every contract. */
  readonly addresses: AddressSelection | null;
  /** By position; null accepts anything, also an absent topic. Null when `events` says it. */
  readonly topics: readonly (readonly string[] | null)[] | null;
  /** Alternatives: the first that fits wins. Null when `topics` says it. */
  readonly events: readonly EventFilter[] | null;
}

/** Contracts of a filter: lower-case addresses in ascending order, or the name of a list that its owner keeps. */
export type AddressSelection =
  | { readonly kind: "inline"; readonly addresses: readonly string[] }
  | { readonly kind: "list"; readonly name: string };

/** An event, and what its arguments must be. */
export interface EventFilter {
  /** In ethers' full form: `event Transfer(address indexed from, address indexed to, uint256 value)`. */
  readonly signature: string;
  readonly where: Condition | null;
}

export type Operator = "eq" | "ne" | "lt" | "lte" | "gt" | "gte" | "in" | "nin" | "contains" | "startsWith";

/**
 * A condition on decoded arguments. A path leads from the scope (the event's arguments, or one element of an array
 * inside `any`/`all`) to a value; the empty path is the element itself.
 */
export type Condition =
  | { readonly kind: "and" | "or"; readonly of: readonly Condition[] }
  | { readonly kind: "not"; readonly of: Condition }
  | { readonly kind: "any" | "all"; readonly path: Path; readonly of: Condition }
  | Comparison;

export interface Comparison {
  readonly kind: "compare";
  readonly path: Path;
  readonly operator: Operator;
  /**
   * Normal form of what is compared with: decimal text for integers, lower-case `0x` text for bytes and addresses.
   * Ascending and without repeats for `in` and `nin`; one value for all others.
   */
  readonly values: readonly Scalar[];
}

export type Scalar = string | boolean;

/** Where a value is: argument and tuple fields and array elements by index; `length` is of an array, bytes or string. */
export type Path = readonly PathStep[];
export type PathStep =
  | { readonly kind: "field"; readonly index: number; readonly label: string }
  | { readonly kind: "element"; readonly index: number }
  | { readonly kind: "length" };

/** Why a filter was refused, where, and what may have been meant. */
export interface FilterProblem {
  /** Place in the filter: `addresses[2]`, `where.value.gte`; empty for the filter itself. */
  readonly path: string;
  readonly reason: string;
  /** What to write instead, where it can be guessed. */
  readonly suggestion: string | null;
}

export type ParsedFilter =
  | { readonly ok: true; readonly filter: Filter }
  | { readonly ok: false; readonly problems: readonly FilterProblem[] };

/** What a filter may refer to by name. */
export interface FilterContext {
  /** Chains that may be named. An id is accepted only if it is among them, unless there are none. */
  readonly chains?: readonly { readonly id: number; readonly name: string }[];
  /** Names of the address lists that the filter's owner has. Absent: any well-formed name is accepted. */
  readonly lists?: readonly string[];
}

/** What `evaluate` says. */
export type Verdict =
  | {
      readonly matched: true;
      /** The clause that matched, in words: `Transfer where value gte 1000`. */
      readonly clause: string;
      /** The decoded event; null for a filter by topics. */
      readonly event: DecodedEvent | null;
    }
  | { readonly matched: false; readonly reason: string };

export interface DecodedEvent {
  readonly name: string;
  /** Canonical: `Transfer(address,address,uint256)`. */
  readonly signature: string;
  /** By name, or by position where there is no name. */
  readonly args: { readonly [name: string]: DecodedValue };
}

/**
 * An argument: integers as decimal text, addresses and bytes as lower-case `0x` text, tuples as objects. An indexed
 * argument of dynamic type is the Keccak-256 hash that the chain keeps in its place.
 */
export type DecodedValue =
  | string
  | boolean
  | readonly DecodedValue[]
  | { readonly [name: string]: DecodedValue };

/** One argument of an event, as the reader needs it. */
export interface EventArgument {
  /** Empty when it has none. */
  readonly name: string;
  readonly type: AbiType;
  readonly indexed: boolean;
}
