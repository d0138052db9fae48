import { z } from "zod";
import { instant } from "./fields.ts";
import type { Operation } from "./operation.ts";

/** Logs that one dry run evaluates, at most: the newest of the period. */
export const dryRunLogsMax = 20_000;

const filter = z.record(z.string(), z.unknown()).meta({ description: "As in an endpoint" });

const dryRun = z.strictObject({
  filter,
  since: z.iso.datetime({ offset: true }).optional().meta({ description: "Default: an hour before `until`" }),
  until: z.iso.datetime({ offset: true }).optional().meta({ description: "Default: now" }),
  examples: z.int().min(0).max(100).default(10).meta({ description: "Matches to show, newest first" }),
});

/** A log, and where it stands. */
const logPlace = {
  chainId: z.int(),
  blockNumber: z.int(),
  blockTime: instant,
  transactionHash: z.string(),
  logIndex: z.int(),
  address: z.string(),
};

const match = z
  .object({
    ...logPlace,
    why: z.string().meta({ description: "The clause that matched" }),
    event: z.unknown().meta({ description: "The decoded event; null for a filter by topics" }),
  })
  .meta({ id: "Match" });
export type MatchResource = z.infer<typeof match>;

const dryRunResult = z
  .object({
    since: instant,
    until: instant,
    /** Logs that were evaluated; those that an index could rule out are not among them. */
    evaluated: z.int(),
    matched: z.int(),
    /** More logs than `dryRunLogsMax` came into question: only the newest were evaluated. */
    truncated: z.boolean(),
    examples: z.array(match),
  })
  .meta({ id: "DryRunResult" });
export type DryRunResult = z.infer<typeof dryRunResult>;

const explain = z.strictObject({
  filter,
  chainId: z.int().positive(),
  transactionHash: z
    .string()
    .regex(/^0x[0-9a-fA-F]{64}$/, "expected 0x and 64 hex digits")
    .transform((text) => text.toLowerCase()),
});

const verdict = z
  .object({
    ...logPlace,
    matched: z.boolean(),
    reason: z.string().meta({ description: "The clause that matched, or why none did" }),
    event: z.unknown(),
  })
  .meta({ id: "Verdict" });
export type VerdictResource = z.infer<typeof verdict>;

/** What a filter would have done: evaluated by the matcher's own code over the logs in ClickHouse. */
export const filterOperations = {
  dryRunFilter: {
    method: "POST",
    path: "/v1/filters/dry-run",
    tag: "filters",
    summary: "What a filter would have matched in the past; nothing is sent",
    auth: "user",
    body: dryRun,
    status: 200,
    response: dryRunResult,
    errors: ["INVALID_FILTER"],
  },
  explainFilter: {
    method: "POST",
    path: "/v1/filters/explain",
    tag: "filters",
    summary: "Why a filter matches, or does not match, each log of a transaction",
    auth: "user",
    body: explain,
    status: 200,
    response: z.object({ verdicts: z.array(verdict) }),
    errors: ["INVALID_FILTER", "NOT_FOUND"],
  },
} as const satisfies Record<string, Operation>;
