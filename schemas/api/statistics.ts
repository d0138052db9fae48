import { z } from "zod";
import { applicationId, endpointId, instant } from "./fields.ts";
import type { Operation } from "./operation.ts";

/** Hours of one answer, at most: about a year by day is asked for month by month. */
export const statisticsHoursMax = 24 * 32;

const statisticsQuery = z.strictObject({
  since: z.iso
    .datetime({ offset: true })
    .optional()
    .meta({ description: "Default: 24 hours before `until`" }),
  until: z.iso.datetime({ offset: true }).optional().meta({ description: "Default: now" }),
  endpointId: endpointId.optional(),
  chainId: z.coerce.number().int().positive().optional(),
});
export type StatisticsQuery = z.infer<typeof statisticsQuery>;

const counts = {
  /** Webhooks that matched, by the time of their block. */
  webhooks: z.int(),
  /** Of those, logs that a reorg took back. */
  removals: z.int(),
  /** POSTs, by the time at which they began. */
  attempts: z.int(),
  delivered: z.int(),
  /** POSTs that did not end with 2xx, for whatever reason. */
  failed: z.int(),
  /** Milliseconds from a block being seen to its POST being answered; exact within 5 %. Null without deliveries. */
  latencyMs: z.object({ p50: z.number(), p95: z.number(), p99: z.number() }).nullable(),
};

const statistics = z
  .object({
    since: instant,
    until: instant,
    total: z.object(counts),
    /** Hours in which something happened, oldest first. */
    hours: z.array(z.object({ hour: instant, ...counts })),
  })
  .meta({ id: "Statistics" });
export type StatisticsCounts = z.infer<typeof statistics>["total"];

const health = z
  .object({
    endpointId,
    applicationId,
    status: z.enum(["enabled", "paused", "disabled"]),
    disabledReason: z.string().nullable(),
    /** Since when nothing succeeded; null when the last POST did, or there was none. */
    failingSince: instant.nullable(),
    /** Failures in a row. */
    failures: z.int(),
    lastError: z.string().nullable(),
    /** The breaker is open until then: no POST is made before. */
    openUntil: instant.nullable(),
    /** Deliveries that wait for their next attempt. */
    parked: z.int(),
    nextAttemptAt: instant.nullable(),
  })
  .meta({ id: "EndpointHealth" });
export type EndpointHealth = z.infer<typeof health>;

/** How it goes: what a dashboard shows first. */
export const statisticsOperations = {
  getStatistics: {
    method: "GET",
    path: "/v1/statistics",
    tag: "deliveries",
    summary: "Webhooks, POSTs and latency by the hour",
    auth: "user",
    query: statisticsQuery,
    status: 200,
    response: statistics,
    errors: [],
  },
  getEndpointHealth: {
    method: "GET",
    path: "/v1/endpoints/{endpointId}/health",
    tag: "endpoints",
    summary: "Whether an endpoint answers, and how much waits for it",
    auth: "user",
    params: z.object({ endpointId }),
    status: 200,
    response: health,
    errors: ["NOT_FOUND"],
  },
} as const satisfies Record<string, Operation>;
