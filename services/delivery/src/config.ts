import {
  addressVariables,
  groupVariables,
  integerText,
  kafkaVariables,
  postgresVariables,
  secretsVariables,
  type Config,
  type Variables,
} from "@ethhook/kit";

export const deliveryVariables = {
  ...kafkaVariables,
  ...postgresVariables,
  ...secretsVariables,
  ...groupVariables,
  ...addressVariables,
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
