import { z } from "zod";
import { attemptOutcome } from "../messages/attempt.ts";
import { finality, logKind, payloadFormat } from "../messages/fields.ts";
import { applicationId, endpointId, instant, pageOf, pageSizeDefault, pageSizeMax } from "./fields.ts";
import type { Operation } from "./operation.ts";

const webhookId = z
  .string()
  .regex(/^msg_[0-9a-f]{32}$/, "expected msg_ and 32 hex digits")
  .meta({ description: "The webhook's id: what a receiver gets as `webhook-id`" });

const hash = z
  .string()
  .regex(/^0x[0-9a-fA-F]{64}$/, "expected 0x and 64 hex digits")
  .transform((text) => text.toLowerCase());
const contract = z
  .string()
  .regex(/^0x[0-9a-fA-F]{40}$/, "expected 0x and 40 hex digits")
  .transform((text) => text.toLowerCase());

/** Newest first, within a time; `after` is the `next` of the page before. */
const searchQuery = z.strictObject({
  since: z.iso.datetime({ offset: true }).optional().meta({ description: "RFC 3339; default: 24 hours ago" }),
  until: z.iso.datetime({ offset: true }).optional().meta({ description: "RFC 3339; default: now" }),
  limit: z.coerce.number().int().min(1).max(pageSizeMax).default(pageSizeDefault),
  after: z.string().max(100).optional(),
  endpointId: endpointId.optional(),
  applicationId: applicationId.optional(),
  chainId: z.coerce.number().int().positive().optional(),
  webhookId: webhookId.optional(),
});

/** `pending`: no POST was answered with 2xx and none is known to have failed; `failed`: at least one failed, none succeeded. */
export const deliveryStatus = z.enum(["delivered", "failed", "pending"]);
export type DeliveryStatus = z.infer<typeof deliveryStatus>;

export const deliveryQuery = searchQuery.extend({
  status: deliveryStatus.optional(),
  contract: contract.optional(),
  transactionHash: hash.optional(),
  blockNumber: z.coerce.number().int().nonnegative().optional(),
});
export type DeliveryQuery = z.infer<typeof deliveryQuery>;

export const attemptQuery = searchQuery.extend({ outcome: attemptOutcome.optional() });
export type AttemptQuery = z.infer<typeof attemptQuery>;

export const deliveryResource = z
  .object({
    webhookId: z.string(),
    endpointId: z.string(),
    applicationId: z.string(),
    kind: logKind,
    chainId: z.int(),
    blockNumber: z.int(),
    blockHash: z.string(),
    blockTime: instant,
    transactionHash: z.string(),
    logIndex: z.int(),
    contract: z.string(),
    finality,
    format: payloadFormat,
    filterVersion: z.int(),
    /** The clause of the filter that matched. */
    why: z.string(),
    seenAt: instant,
    matchedAt: instant,
    status: deliveryStatus,
    /** POSTs made so far. */
    attempts: z.int(),
    lastAttemptAt: instant.nullable(),
    lastStatusCode: z.int().nullable(),
  })
  .meta({ id: "Delivery" });
export type DeliveryResource = z.infer<typeof deliveryResource>;

export const attemptResource = z
  .object({
    attemptId: z.string(),
    webhookId: z.string(),
    endpointId: z.string(),
    applicationId: z.string(),
    chainId: z.int(),
    /** 1-based among the POSTs of the webhook. */
    attempt: z.int(),
    outcome: attemptOutcome,
    statusCode: z.int().nullable(),
    error: z.string().nullable(),
    /** First bytes of the answer, at most 4 KiB. */
    responseBody: z.string(),
    startedAt: instant,
    connectMs: z.number().nullable(),
    tlsMs: z.number().nullable(),
    firstByteMs: z.number().nullable(),
    totalMs: z.number(),
    /** From the block being seen; null for a replay or test. */
    e2eMs: z.number().nullable(),
    nextAttemptAt: instant.nullable(),
    origin: z.string(),
  })
  .meta({ id: "Attempt" });
export type AttemptResource = z.infer<typeof attemptResource>;

/** A delivery that waits in Postgres for its next attempt. */
export const parkedResource = z
  .object({
    webhookId: z.string(),
    replay: z.boolean(),
    /** retry, breaker, busy, paused, disabled, ordered, or sending: a POST is under way. */
    reason: z.string(),
    dueAt: instant,
    parkedAt: instant,
    attemptsMade: z.int(),
  })
  .meta({ id: "ParkedDelivery" });
export type ParkedResource = z.infer<typeof parkedResource>;

const deliveryDetail = z
  .object({
    delivery: deliveryResource,
    /** The bytes that are signed and sent. */
    body: z.string(),
    attempts: z.array(attemptResource),
    parked: parkedResource.nullable(),
  })
  .meta({ id: "DeliveryDetail" });

const someOrAll = z.strictObject({
  webhookId: webhookId.optional().meta({ description: "One webhook; without it, all that wait" }),
});
const howMany = z.object({ count: z.int() });
const ofEndpoint = z.object({ endpointId });

/** What was sent, what waits, and what can be done about it. Times of the past come from ClickHouse, about a second behind. */
export const deliveryOperations = {
  searchDeliveries: {
    method: "GET",
    path: "/v1/deliveries",
    tag: "deliveries",
    summary: "Search webhooks by endpoint, contract, transaction or status; newest blocks first",
    auth: "user",
    query: deliveryQuery,
    status: 200,
    response: pageOf(deliveryResource),
    errors: [],
  },
  getDelivery: {
    method: "GET",
    path: "/v1/deliveries/{webhookId}",
    tag: "deliveries",
    summary: "One webhook: its body, every attempt, and what it waits for",
    auth: "user",
    params: z.object({ webhookId }),
    status: 200,
    response: deliveryDetail,
    errors: ["NOT_FOUND"],
  },
  searchAttempts: {
    method: "GET",
    path: "/v1/attempts",
    tag: "deliveries",
    summary: "Search POSTs, newest first",
    auth: "user",
    query: attemptQuery,
    status: 200,
    response: pageOf(attemptResource),
    errors: [],
  },
  listParked: {
    method: "GET",
    path: "/v1/endpoints/{endpointId}/parked",
    tag: "deliveries",
    summary: "What waits for its next attempt, soonest first",
    auth: "user",
    params: ofEndpoint,
    query: z.strictObject({
      limit: z.coerce.number().int().min(1).max(pageSizeMax).default(pageSizeDefault),
    }),
    status: 200,
    response: z.object({ items: z.array(parkedResource), total: z.int() }),
    errors: ["NOT_FOUND"],
  },
  retryParked: {
    method: "POST",
    path: "/v1/endpoints/{endpointId}/parked/retry",
    tag: "deliveries",
    summary: "Retry now: one webhook, or all that wait",
    auth: "user",
    params: ofEndpoint,
    body: someOrAll,
    status: 200,
    response: howMany,
    errors: ["NOT_FOUND"],
  },
  cancelParked: {
    method: "POST",
    path: "/v1/endpoints/{endpointId}/parked/cancel",
    tag: "deliveries",
    summary: "Give up one webhook, or all that wait; a POST under way is not taken back",
    auth: "user",
    params: ofEndpoint,
    body: someOrAll,
    status: 200,
    response: howMany,
    errors: ["NOT_FOUND"],
  },
  sendTestEvent: {
    method: "POST",
    path: "/v1/endpoints/{endpointId}/test",
    tag: "deliveries",
    summary: "Send a signed test webhook, through the same queue as all others",
    auth: "user",
    params: ofEndpoint,
    status: 202,
    response: z.object({ webhookId: z.string() }),
    errors: ["NOT_FOUND"],
  },
} as const satisfies Record<string, Operation>;
