import { z } from "zod";
import { jsonCodec } from "./codec.ts";
import { chainId, count, hash32, proof, timeMs } from "./fields.ts";

const schema = z.object({
  v: z.literal(1),
  kind: z.enum(["added", "removed", "finalized"]),
  chainId,
  sequence: count.describe("Strictly increasing by one for each ledger record of a chain, from 1."),
  addedSequence: count.describe(
    "For `removed`: the sequence of the record that added the block. Else equals `sequence`.",
  ),
  number: count,
  hash: hash32,
  parentHash: hash32,
  timestamp: count.describe("Unix seconds, from the header."),
  logCount: count.describe("Logs published under this sequence (0 for `finalized`)."),
  digest: z.string().length(64).describe("`logsDigest` of those logs; 64 hex digits."),
  proof,
  seenAtMs: timeMs,
});

/** A ledger record: what the ingestor did to the canonical chain, and how many logs went with it. */
export type Block = z.infer<typeof schema>;

export const blockCodec = jsonCodec<Block>("block", 1, schema);
