import { PipelineError } from "@ethhook/schemas";

/** What kafkajs' errors look like; `type` is the broker's error code by name. */
interface KafkaErrorLike {
  readonly type?: string;
  readonly name?: string;
  readonly cause?: unknown;
  readonly message?: string;
}

/**
 * The broker's error code (`MESSAGE_TOO_LARGE`), found at any depth of causes. When no broker named a coordinator, kafkajs drops
 * their answers and calls its own error final; it is what a broker that starts says.
 */
export function brokerErrorType(error: unknown): string | undefined {
  let current = error as KafkaErrorLike | undefined;
  for (let depth = 0; current && depth < 10; depth += 1) {
    if (typeof current.type === "string") return current.type;
    if (current.name === "KafkaJSGroupCoordinatorNotFound") return "GROUP_COORDINATOR_NOT_AVAILABLE";
    current = current.cause as KafkaErrorLike | undefined;
  }
  return undefined;
}

const tooLarge: ReadonlySet<string> = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"]);

/** Sending the same record again can never succeed. */
const refused: ReadonlySet<string> = new Set([
  "INVALID_TOPIC_EXCEPTION",
  "TOPIC_AUTHORIZATION_FAILED",
  "CLUSTER_AUTHORIZATION_FAILED",
  "INVALID_TIMESTAMP",
  "INVALID_RECORD",
  "POLICY_VIOLATION",
  "UNSUPPORTED_COMPRESSION_TYPE",
  "INVALID_REQUIRED_ACKS",
]);

/** Another holder of the transactional id was initialised after us, or our transaction outlived its timeout. */
const fenced: ReadonlySet<string> = new Set([
  "PRODUCER_FENCED",
  "INVALID_PRODUCER_EPOCH",
  "TRANSACTION_COORDINATOR_FENCED",
  "INVALID_PRODUCER_ID_MAPPING",
  "INVALID_TXN_STATE",
]);

/** The broker does not know this producer's numbers any more. */
const identityLost: ReadonlySet<string> = new Set([
  "OUT_OF_ORDER_SEQUENCE_NUMBER",
  "UNKNOWN_PRODUCER_ID",
  "INVALID_PRODUCER_EPOCH",
  "INVALID_PRODUCER_ID_MAPPING",
]);

/** kafkajs' names for a broker that was not reached, or did not answer. */
const unreached: ReadonlySet<string | undefined> = new Set([
  "KafkaJSBrokerNotFound",
  "KafkaJSConnectionClosedError",
  "KafkaJSConnectionError",
  "KafkaJSLockTimeout",
  "KafkaJSRequestTimeoutError",
]);

/**
 * Whether it was a connection that failed, and no broker that refused. One of several brokers is away then: the others take over what
 * it led and coordinated, and metadata names it until they have.
 */
export function isUnreached(error: unknown): boolean {
  let current = error as KafkaErrorLike | undefined;
  for (let depth = 0; current && depth < 10; depth += 1) {
    if (unreached.has(current.name)) return true;
    current = current.cause as KafkaErrorLike | undefined;
  }
  return false;
}

export type SendFailure = "too-large" | "refused" | "identity-lost" | "transient";

/** What a failed write means. Everything unknown is taken for transient: writing again is harmless, losing is not. */
export function classifySendFailure(error: unknown): SendFailure {
  const type = brokerErrorType(error);
  if (type === undefined) return "transient";
  if (tooLarge.has(type)) return "too-large";
  if (identityLost.has(type)) return "identity-lost";
  return refused.has(type) ? "refused" : "transient";
}

export function isFencing(error: unknown): boolean {
  const type = brokerErrorType(error);
  return type !== undefined && fenced.has(type);
}

/** By kafkajs' judgement: the same request may succeed later. */
export function isRetriable(error: unknown): boolean {
  return (error as { retriable?: boolean }).retriable === true;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** A failed connection in a person's words. */
export function unreachable(brokers: readonly string[], cause: unknown): PipelineError {
  return new PipelineError(
    "BROKER_UNREACHABLE",
    "crash",
    `No Kafka broker answers at ${brokers.join(", ")} (KAFKA_BROKERS): ${messageOf(cause)}`,
    { cause },
  );
}

/**
 * `work`, or a rejection with what `onLate` makes after `timeoutMs`. The work itself goes on: the caller must make its
 * late outcome harmless.
 */
export async function withDeadline<T>(work: Promise<T>, timeoutMs: number, onLate: () => Error): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(onLate()), timeoutMs);
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
