import { z } from "zod";

/**
 * The field types that messages are made of. Lengths are checked, digits of long hashes are not: that check alone
 * would cost as much as JSON.parse, and only our own ingestor writes them.
 */

/** The key of `logs.*`. */
export const address = z
  .string()
  .regex(/^0x[0-9a-f]{40}$/, "expected 0x and 40 lower-case hex digits")
  .describe("A contract, lower-case `0x` text of 20 bytes.");

/** A block hash, a transaction hash, a topic. */
export const hash32 = z
  .string()
  .length(66, "expected 0x and 64 hex digits")
  .describe("Lower-case `0x` text of 32 bytes.");

export const bytes = z
  .string()
  .startsWith("0x")
  .describe("Lower-case `0x` text of any number of bytes; `0x` when empty.");

/** A count or number that a chain keeps in 64 bits and that no chain lets pass 2^53 - 1: block number, index, seconds. */
export const count = z.int().nonnegative();

export const timeMs = z
  .number()
  .nonnegative()
  .describe("Unix milliseconds, from the clock of the process that wrote the record.");

export const chainId = z.int().positive().describe("EIP-155 chain id.");

/** Where a webhook need not be about a chain: a test, or trouble of an endpoint. */
export const chainIdOrNone = z
  .int()
  .nonnegative()
  .describe("EIP-155 chain id; 0 when it is not about a chain.");

/**
 * How far the logs of a block were proven complete.
 * - `receipts`: the receipts' root was recomputed and equals the header's.
 * - `bloom`: the bloom recomputed from the logs equals the header's and logIndex is contiguous.
 * - `none`: the chain or its configuration allows neither.
 */
export const proof = z
  .enum(["receipts", "bloom", "none"])
  .describe("How far the block's logs were proven complete: by the receipts' root, by its bloom, or not.");
export type Proof = z.infer<typeof proof>;

export const logKind = z
  .enum(["new", "removed"])
  .describe("`new` when a block joins the canonical chain, `removed` when a reorg takes it back.");
export type LogKind = z.infer<typeof logKind>;

export const finality = z
  .enum(["latest", "confirmed", "finalized"])
  .describe("When the endpoint wants to hear of a log.");
export type Finality = z.infer<typeof finality>;

export const payloadFormat = z
  .enum(["standard", "legacy"])
  .describe("Shape of the POST body: ours, or the bare event of the system that EthHook replaces.");
export type PayloadFormat = z.infer<typeof payloadFormat>;
