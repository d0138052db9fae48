import { z } from "zod";
import { jsonCodec } from "./codec.ts";
import { chainIdOrNone, count, timeMs } from "./fields.ts";

/**
 * How one POST ended.
 * `delivered` 2xx · `failed` another status · `throttled` 429/503 with a wish to wait · `gone` 410 ·
 * `timeout` no complete answer in time · `network` no connection or broken · `blocked` refused by policy before connecting.
 */
export const attemptOutcome = z.enum([
  "delivered",
  "failed",
  "throttled",
  "gone",
  "timeout",
  "network",
  "blocked",
]);
export type AttemptOutcome = z.infer<typeof attemptOutcome>;

export const attemptSchema = z.object({
  v: z.literal(1),
  attemptId: z.string().min(1).describe("Unique per POST."),
  webhookId: z.string().min(1),
  eventId: z.string(),
  endpointId: z.string().min(1),
  applicationId: z.string().min(1),
  userId: z.string().min(1),
  chainId: chainIdOrNone,
  attempt: z.int().positive().describe("1-based among the POSTs of this webhook id."),
  outcome: attemptOutcome,
  statusCode: z.int().nullable(),
  error: z
    .string()
    .nullable()
    .describe("Error code (`ECONNREFUSED`, `TIMEOUT`, …) and message when there was no answer, else null."),
  responseBody: z.string().describe("First bytes of the answer's body, at most 4 KiB."),
  startedAtMs: timeMs,
  connectMs: z
    .number()
    .nullable()
    .describe("Milliseconds; null when that stage was not reached or a kept-alive connection was used."),
  tlsMs: z.number().nullable().describe("As `connectMs`, counted from the start."),
  firstByteMs: z.number().nullable().describe("As `connectMs`, counted from the start."),
  totalMs: z.number().describe("Milliseconds from the start to the end of the answer, or to giving up."),
  e2eMs: z
    .number()
    .nullable()
    .describe("From the block being seen to this POST being answered; null for a replay or test."),
  nextAttemptAtMs: timeMs.nullable().describe("When the next attempt is due; null when there is none."),
  batch: z
    .array(z.string())
    .optional()
    .describe(
      "Webhook ids that this one POST carries together; absent unless the endpoint has its blocks in one.",
    ),
  origin: z.enum(["match", "release", "replay", "redrive", "test", "operational"]),
  requestBytes: count.describe("Length of the signed body as sent, in bytes."),
});

/** One POST, successful or not: a record in `attempts`, keyed by endpoint. */
export type Attempt = z.infer<typeof attemptSchema>;

export const attemptCodec = jsonCodec<Attempt>("attempt", 1, attemptSchema);
