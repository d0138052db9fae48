import { integerText, kafkaVariables } from "@ethhook/kit";
import { z } from "zod";

const days = integerText({ min: 1, max: 3_650 });

/** What `npm run migrate` asks beside the addresses of its servers. */
export const migrateVariables = {
  CLICKHOUSE_KAFKA_BROKERS: {
    ...kafkaVariables.KAFKA_BROKERS,
    help: "Brokers as ClickHouse reaches them where that differs: in a container network they have other names.",
  },
  CLICKHOUSE_KAFKA_COLLECTION: {
    schema: z.string().regex(/^([a-z_][a-z0-9_]*)?$/, "expected the name of a named collection"),
    default: "",
    help:
      "Named collection of the ClickHouse server with brokers and credentials, instead of a list of brokers. " +
      "The user of CLICKHOUSE_URL needs GRANT NAMED COLLECTION ON it.",
  },
  CLICKHOUSE_LOGS_DAYS: {
    schema: days,
    default: "90",
    help: "Days that ClickHouse keeps logs after their arrival.",
  },
  CLICKHOUSE_ATTEMPTS_DAYS: {
    schema: days,
    default: "30",
    help: "Days that ClickHouse keeps webhooks and attempts after their arrival.",
  },
} as const;
