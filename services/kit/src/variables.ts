import { chainsExtra } from "@ethhook/topology";
import { z } from "zod";
import { createAddressPolicy, type AddressPolicy } from "./address-policy.ts";
import type { Config, Variable, Variables } from "./config.ts";

const text = z.string();
const commaList = text
  .transform((value) =>
    value
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part !== ""),
  )
  .refine((parts) => parts.length > 0, "expected a comma-separated list");

/** `true` or `false`, as people write them. */
export const booleanText = text
  .transform((value) => value.trim().toLowerCase())
  .pipe(z.enum(["true", "false", "1", "0", "yes", "no"], "expected true or false"))
  .transform((value) => value === "true" || value === "1" || value === "yes");

/** A whole number within bounds, both included. */
export function integerText(bounds: {
  readonly min: number;
  readonly max: number;
}): z.ZodType<number, string> {
  const wrong = `expected a whole number from ${bounds.min} to ${bounds.max}`;
  return text
    .regex(/^-?\d+$/, wrong)
    .transform(Number)
    .refine((value) => value >= bounds.min && value <= bounds.max, wrong);
}

/** A URL of one of the schemes (`["http:", "https:"]`), kept as text. */
export function urlText(schemes: readonly string[]): z.ZodType<string, string> {
  const wrong = `expected a URL that starts with ${schemes.map((scheme) => `${scheme}//`).join(" or ")}`;
  return text.refine((value) => {
    const url = URL.parse(value);
    return url !== null && schemes.includes(url.protocol);
  }, wrong);
}

/** Every process logs. */
export const logVariables = {
  LOG_LEVEL: {
    schema: z.enum(
      ["trace", "debug", "info", "warn", "error", "fatal", "silent"],
      "expected trace, debug, info, warn, error, fatal or silent",
    ),
    default: "info",
    help: "The least severe log line that is written.",
  },
} as const satisfies Variables;

/** How to reach the broker. */
export const kafkaVariables = {
  KAFKA_BROKERS: {
    schema: commaList.refine(
      (brokers) => brokers.every((broker) => /^[^\s:]+:\d+$/.test(broker) || /^\[[^\]]+\]:\d+$/.test(broker)),
      "expected host:port, comma-separated",
    ),
    default: "127.0.0.1:9092",
    help: "Kafka or Redpanda brokers to start from, host:port, comma-separated.",
  },
} as const satisfies Variables;

/** How a member of a consumer group is missed. Redpanda allows 300 s at most. */
export const groupVariables = {
  SESSION_TIMEOUT_MS: {
    schema: integerText({ min: 6_000, max: 300_000 }),
    default: "10000",
    help: "After so long without a sign of life, a process's partitions go to others.",
  },
} as const satisfies Variables;

/** Where a service answers /healthz, /readyz and /metrics. */
export function httpVariables(defaultPort: number): typeof httpShape {
  return {
    ...httpShape,
    HTTP_PORT: { ...httpShape.HTTP_PORT, default: String(defaultPort) },
  };
}

const httpShape = {
  HTTP_HOST: {
    schema: text,
    default: "127.0.0.1",
    help: "Address that the HTTP server listens on; 0.0.0.0 in a container.",
  } as Variable<string>,
  HTTP_PORT: {
    schema: integerText({ min: 0, max: 65_535 }),
    default: "0",
    help: "Port of the HTTP server; 0 takes a free one.",
  } as Variable<number>,
} as const;

/** How to reach PostgreSQL. */
export const postgresVariables = {
  DATABASE_URL: {
    schema: urlText(["postgres:", "postgresql:"]),
    default: "postgres://ethhook:ethhook@127.0.0.1:5432/ethhook",
    help: "PostgreSQL connection URL, password included.",
    secret: true,
  },
} as const satisfies Variables;

/** How to reach ClickHouse. */
export const clickhouseVariables = {
  CLICKHOUSE_URL: {
    schema: urlText(["http:", "https:"]),
    default: "http://127.0.0.1:8123",
    help: "ClickHouse HTTP URL.",
    secret: true,
  },
  CLICKHOUSE_DATABASE: {
    schema: text.regex(/^[A-Za-z_][A-Za-z0-9_]*$/, "expected a database name"),
    default: "ethhook",
    help: "ClickHouse database of EthHook's tables.",
  },
} as const satisfies Variables;

/** The key ring that seals endpoint secrets in PostgreSQL; the value is given to `parseSecretKeys`. */
export const secretsVariables = {
  SECRETS_KEY: {
    schema: text.refine(
      (value) => value.split(",").every((part) => Buffer.from(part.trim(), "base64").length === 32),
      "expected 32 bytes in base64 (`openssl rand -base64 32`), comma-separated while rotating",
    ),
    help: "Key that seals endpoint secrets, 32 bytes in base64. Several, comma-separated: the first seals, all open.",
    secret: true,
  },
} as const satisfies Variables;

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

/** Where webhooks may go. Delivery keeps to it at each connection; the API refuses URLs that could never be called. */
export const addressVariables = {
  ALLOW_PRIVATE_ADDRESSES: {
    schema: booleanText,
    default: "false",
    help: "Lets webhooks go to private and loopback addresses, by http too: for a demo on one machine only. The same for api and delivery.",
  },
  ALLOW_PLAIN_HTTP: {
    schema: booleanText,
    default: "false",
    help: "Lets webhooks go to http:// URLs of public addresses. The same for api and delivery.",
  },
  ALLOWED_NETWORKS: {
    schema: networkList,
    default: "",
    help: "Private networks that webhooks may go to, as 10.1.0.0/16,fd00::/8. The same for api and delivery.",
  },
} as const satisfies Variables;

/** The policy that these variables say. */
export function addressPolicyOf(config: Config<typeof addressVariables>): AddressPolicy {
  return createAddressPolicy({
    allowPrivate: config.ALLOW_PRIVATE_ADDRESSES,
    allowHttp: config.ALLOW_PLAIN_HTTP,
    allowed: config.ALLOWED_NETWORKS,
  });
}

/** Which chains this deployment knows. The value is every chain: the built-in ones and the further ones. */
export const chainVariables = {
  CHAINS_EXTRA: {
    schema: chainsExtra,
    default: "[]",
    help: "Further EVM chains, a JSON array of {id, name, blockTimeMs, confirmedDepth, finality, ledgerPartition}.",
  },
} as const satisfies Variables;
