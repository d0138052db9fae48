import { hash } from "node:crypto";
import { z } from "zod";
import { attemptSchema } from "./attempt.ts";
import { jsonCodec } from "./codec.ts";
import { address, chainIdOrNone, count, finality, hash32, logKind, payloadFormat, timeMs } from "./fields.ts";
import { isCount, isHash, isLowerAddress, isName, isText, isTime, keysOf } from "./plain.ts";

const origins = ["match", "release", "replay", "redrive", "test", "operational"] as const;

export const deliverySchema = z.object({
  v: z.literal(1),
  webhookId: z
    .string()
    .min(1)
    .describe(
      "Idempotency key of the receiver: the same log, kind, sequence and endpoint give the same id for ever.",
    ),
  eventId: z.string().describe("`chainId:blockHash:logIndex`; empty for a test event."),
  kind: logKind,
  endpointId: z.string().min(1),
  applicationId: z.string().min(1),
  userId: z.string().min(1),
  chainId: chainIdOrNone,
  blockNumber: count,
  blockHash: hash32,
  blockTimestamp: count,
  transactionHash: hash32,
  logIndex: count,
  contract: address,
  sequence: count.describe("Ledger sequence of the log record that matched, see `log`."),
  addedSequence: count.describe("Ledger sequence that added the log; equals `sequence` unless removed."),
  finality,
  format: payloadFormat,
  filterVersion: count.describe("Version of the filter set that matched."),
  why: z.string().describe("The clause that matched, in words."),
  body: z.string().describe("The exact bytes to sign and POST, as text."),
  seenAtMs: timeMs,
  matchedAtMs: timeMs,
  attemptsMade: count.describe(
    "POSTs that were already begun for this webhook id; 0 the first time, more when a parked one is released.",
  ),
  history: z
    .array(attemptSchema)
    .optional()
    .describe(
      "Those attempts, oldest first, so that a dead letter can tell the whole story; absent the first time.",
    ),
  batch: z
    .array(z.string())
    .optional()
    .describe(
      "Webhook ids that this one POST carries together; absent unless the endpoint has its blocks in one.",
    ),
  origin: z.enum(origins).describe("Why this record is not the first of its kind."),
});

/** A webhook that is due now: in `deliveries`, keyed by endpoint, or in `deliveries.replay` with lower priority. */
export type Delivery = z.infer<typeof deliverySchema>;

/** Those of every delivery; what was tried before and what travels in a batch is left to the schema. */
const plainFieldCount = Object.keys(deliverySchema.omit({ history: true, batch: true }).shape).length;
const knownOrigins: ReadonlySet<string> = new Set(origins);

/** The schema once more, by hand, for what a matcher writes: every delivery process reads every one of its deliveries. */
function isPlainlyDelivery(value: unknown): value is Delivery {
  if (typeof value !== "object" || value === null) return false;
  const delivery = value as Delivery;
  return (
    delivery.v === 1 &&
    isPlainlyOfLog(delivery) &&
    isPlainlyForEndpoint(delivery) &&
    keysOf(delivery) === plainFieldCount
  );
}

function isPlainlyOfLog(delivery: Delivery): boolean {
  return (
    isText(delivery.eventId) &&
    (delivery.kind === "new" || delivery.kind === "removed") &&
    isCount(delivery.chainId) &&
    isCount(delivery.blockNumber) &&
    isHash(delivery.blockHash) &&
    isCount(delivery.blockTimestamp) &&
    isHash(delivery.transactionHash) &&
    isCount(delivery.logIndex) &&
    isLowerAddress(delivery.contract) &&
    isCount(delivery.sequence) &&
    isCount(delivery.addedSequence) &&
    isTime(delivery.seenAtMs)
  );
}

function isPlainlyForEndpoint(delivery: Delivery): boolean {
  return (
    isName(delivery.webhookId) &&
    isName(delivery.endpointId) &&
    isName(delivery.applicationId) &&
    isName(delivery.userId) &&
    (delivery.finality === "latest" ||
      delivery.finality === "confirmed" ||
      delivery.finality === "finalized") &&
    (delivery.format === "standard" || delivery.format === "legacy") &&
    isCount(delivery.filterVersion) &&
    isText(delivery.why) &&
    isText(delivery.body) &&
    isTime(delivery.matchedAtMs) &&
    isCount(delivery.attemptsMade) &&
    knownOrigins.has(delivery.origin)
  );
}

export const deliveryCodec = jsonCodec<Delivery>("delivery", 1, deliverySchema, isPlainlyDelivery);

/** What a webhook id is derived from. */
export interface WebhookIdentity {
  readonly eventId: string;
  readonly sequence: number;
  readonly endpointId: string;
  readonly kind: "new" | "removed";
}

/** Deterministic webhook id: `msg_` and 32 hex digits of a SHA-256. A block that comes back has a new sequence, so a new id. */
export function webhookId({ eventId, sequence, endpointId, kind }: WebhookIdentity): string {
  const hex = hash("sha256", `${eventId}|${sequence}|${endpointId}|${kind}`, "hex");
  return `msg_${hex.slice(0, 32)}`;
}
