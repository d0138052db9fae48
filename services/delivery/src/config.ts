import {
  booleanText,
  groupVariables,
  integerText,
  kafkaVariables,
  postgresVariables,
  secretsVariables,
  type Config,
  type Variables,
} from "@ethhook/kit";
import { z } from "zod";
import { createAddressPolicy } from "./core/address-policy.ts";

const networkList = z
  .string()
  .transform((text) =>
    text
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== ""),
  )
  .superRefine((networks, context) => {
    try {
      createAddressPolicy({ allowPrivate: false, allowHttp: false, allowed: networks });
    } catch (error) {
      context.addIssue({ code: "custom", message: error instanceof Error ? error.message : String(error) });
    }
  });

export const deliveryVariables = {
  ...kafkaVariables,
  ...postgresVariables,
  ...secretsVariables,
  ...groupVariables,
  ALLOW_PRIVATE_ADDRESSES: {
    schema: booleanText,
    default: "false",
    help: "Lets webhooks go to private and loopback addresses, by http too: for a demo on one machine only.",
  },
  ALLOW_PLAIN_HTTP: {
    schema: booleanText,
    default: "false",
    help: "Lets webhooks go to http:// URLs of public addresses.",
  },
  ALLOWED_NETWORKS: {
    schema: networkList,
    default: "",
    help: "Private networks that webhooks may go to, as 10.1.0.0/16,fd00::/8.",
  },
  DELIVERY_CONCURRENCY: {
    schema: integerText({ min: 1, max: 10_000 }),
    default: "50",
    help: "POSTs younger than half a second at the same time, over all endpoints.",
  },
  DELIVERY_SLOW_CONCURRENCY: {
    schema: integerText({ min: 1, max: 100_000 }),
    default: "2000",
    help: "Older POSTs at the same time, over all endpoints.",
  },
  PARKED_PER_ENDPOINT_MAX: {
    schema: integerText({ min: 10, max: 100_000_000 }),
    default: "100000",
    help: "Deliveries of one endpoint that wait in Postgres at most; further ones are dead-lettered with a notice.",
  },
  WINDOW_RECORDS: {
    schema: integerText({ min: 100, max: 100_000 }),
    default: "500",
    help: "Deliveries of one partition that may be open at the same time; fetching pauses above it.",
  },
} as const satisfies Variables;

export type DeliveryConfig = Config<typeof deliveryVariables>;
