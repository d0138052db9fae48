import { z } from "zod";
import { attemptSchema } from "./attempt.ts";
import { jsonCodec } from "./codec.ts";
import { deliverySchema } from "./delivery.ts";
import { timeMs } from "./fields.ts";

const schema = z.object({
  v: z.literal(1),
  reason: z
    .enum(["exhausted", "blocked", "overflow", "gone", "too_large"])
    .describe(
      "`exhausted`: every retry used. `blocked`: policy forbids the address. `overflow`: too many parked. `gone`: endpoint deleted.",
    ),
  detail: z.string(),
  delivery: deliverySchema,
  attempts: z.array(attemptSchema),
  deadAtMs: timeMs,
});

/** A delivery that was given up, with all that is known of why: a record in `deliveries.dlq`. */
export type DeadDelivery = z.infer<typeof schema>;

export const deadDeliveryCodec = jsonCodec<DeadDelivery>("dead delivery", 1, schema);

/**
 * Headers of a record in `logs.dlq`: its value is the poison record's own bytes, untouched, so that nothing is lost
 * by failing to read it.
 */
export const deadLogHeaders = [
  "source-topic",
  "source-partition",
  "source-offset",
  "reason",
  "group",
  "dead-at-ms",
] as const;
