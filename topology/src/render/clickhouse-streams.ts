/** How one ClickHouse table is filled from its topics: what is read of the JSON, what is refused, what is written. */
export interface Stream {
  /** The target table, made by a numbered migration (`schemas/clickhouse`). */
  readonly table: string;
  /** `RawBLOB` hands over the bytes in one column, unread. */
  readonly format: "JSONEachRow" | "RawBLOB";
  /** Fields of the JSON with the widest type that holds them: a value that does not fit is a parse error, not a throw. */
  readonly fields: Readonly<Record<string, string>>;
  /** Condition → reason. A row for which one holds goes to `ingest_errors`. */
  readonly refuse: readonly (readonly [condition: string, reason: string])[];
  /**
   * Column of the table → expression over `fields`. Only functions that never throw: an exception in a view repeats
   * the insert for ever.
   */
  readonly columns: Readonly<Record<string, string>>;
}

const text = "String";
const whole = "UInt64";
// Times and durations may have a fraction in JSON.
const number = "Float64";

/** `0x` text to n bytes. Total: too long is cut, too short is padded with zeros, no hex is some bytes. */
const bytes = (field: string, length: number) =>
  `CAST(substring(unhex(substring(${field}, 3)), 1, ${length}) AS FixedString(${length}))`;
/** Seconds, kept inside the range of `DateTime`. */
const seconds = (field: string) => `toDateTime(least(${field}, 4102444800), 'UTC')`;
/** Milliseconds, kept inside the range of `DateTime64`. */
const millis = (field: string) =>
  `fromUnixTimestamp64Milli(toInt64(least(greatest(${field}, 0.), 4102444800000.)), 'UTC')`;
/** A duration to a hundredth of its unit, kept inside the range of the type. A cast cuts off, so half is added. */
const hundredths = (field: string) => `toDecimal64(least(greatest(${field}, 0.), 1e12) + 0.005, 2)`;
/** The same of a field that may be null, which `greatest` would take for 0. */
const hundredthsOrNull = (field: string, duration = field) =>
  `if(isNull(${field}), NULL, ${hundredths(duration.replaceAll(field, `ifNull(${field}, 0.)`))})`;
const notHash = (field: string) => `length(${field}) != 66`;
const notAddress = (field: string) => `length(${field}) != 42`;
const newerThan = (version: number) =>
  [`v > ${version}`, `written by a later version of EthHook: upgrade, then replay this offset`] as const;

const logs: Stream = {
  table: "logs",
  format: "JSONEachRow",
  fields: {
    v: whole,
    kind: text,
    chainId: whole,
    blockNumber: whole,
    blockHash: text,
    blockTimestamp: whole,
    transactionHash: text,
    transactionIndex: whole,
    logIndex: whole,
    address: text,
    topics: "Array(String)",
    data: text,
    sequence: whole,
    addedSequence: whole,
    proof: text,
    seenAtMs: number,
  },
  refuse: [
    newerThan(1),
    ["chainId = 0", "no chainId"],
    [notHash("blockHash"), "blockHash is not 32 bytes"],
    [notHash("transactionHash"), "transactionHash is not 32 bytes"],
    [notAddress("address"), "address is not 20 bytes"],
    [
      "length(topics) > 4 OR arrayExists(t -> length(t) != 66, topics)",
      "topics are not at most 4 of 32 bytes",
    ],
    ["kind NOT IN ('new', 'removed')", "kind is neither new nor removed"],
  ],
  columns: {
    chain_id: "chainId",
    block_number: "blockNumber",
    block_hash: bytes("blockHash", 32),
    block_time: seconds("blockTimestamp"),
    transaction_hash: bytes("transactionHash", 32),
    transaction_index: "toUInt32(transactionIndex)",
    log_index: "toUInt32(logIndex)",
    address: bytes("address", 20),
    topic_count: "toUInt8(length(topics))",
    topic0: bytes("topics[1]", 32),
    topic1: bytes("topics[2]", 32),
    topic2: bytes("topics[3]", 32),
    topic3: bytes("topics[4]", 32),
    data: "unhex(substring(data, 3))",
    kind: "kind",
    sequence: "sequence",
    added_sequence: "addedSequence",
    proof: "proof",
    seen_at: millis("seenAtMs"),
  },
};

const blocks: Stream = {
  table: "blocks",
  format: "JSONEachRow",
  fields: {
    v: whole,
    kind: text,
    chainId: whole,
    sequence: whole,
    addedSequence: whole,
    number: whole,
    hash: text,
    parentHash: text,
    timestamp: whole,
    logCount: whole,
    digest: text,
    proof: text,
    seenAtMs: number,
  },
  refuse: [
    newerThan(1),
    ["chainId = 0 OR sequence = 0", "no chainId or no sequence"],
    [notHash("hash"), "hash is not 32 bytes"],
    ["length(digest) != 64", "digest is not 32 bytes"],
  ],
  columns: {
    chain_id: "chainId",
    sequence: "sequence",
    kind: "kind",
    added_sequence: "addedSequence",
    number: "number",
    hash: bytes("hash", 32),
    parent_hash: bytes("parentHash", 32),
    time: seconds("timestamp"),
    log_count: "toUInt32(logCount)",
    digest: bytes("concat('0x', digest)", 32),
    proof: "proof",
    seen_at: millis("seenAtMs"),
  },
};

const deliveries: Stream = {
  table: "deliveries",
  format: "JSONEachRow",
  fields: {
    v: whole,
    webhookId: text,
    kind: text,
    endpointId: text,
    applicationId: text,
    userId: text,
    chainId: whole,
    blockNumber: whole,
    blockHash: text,
    blockTimestamp: whole,
    transactionHash: text,
    logIndex: whole,
    contract: text,
    sequence: whole,
    addedSequence: whole,
    finality: text,
    format: text,
    filterVersion: whole,
    why: text,
    body: text,
    seenAtMs: number,
    matchedAtMs: number,
    attemptsMade: whole,
    batch: "Array(String)",
    origin: text,
  },
  refuse: [
    newerThan(1),
    ["webhookId = ''", "no webhookId"],
    ["userId = '' OR endpointId = ''", "no userId or no endpointId"],
  ],
  columns: {
    user_id: "userId",
    block_time: seconds("blockTimestamp"),
    webhook_id: "webhookId",
    application_id: "applicationId",
    endpoint_id: "endpointId",
    chain_id: "chainId",
    block_number: "blockNumber",
    block_hash: bytes("blockHash", 32),
    transaction_hash: bytes("transactionHash", 32),
    log_index: "toUInt32(logIndex)",
    contract: bytes("contract", 20),
    kind: "kind",
    sequence: "sequence",
    added_sequence: "addedSequence",
    finality: "finality",
    format: "format",
    filter_version: "filterVersion",
    why: "why",
    body: "body",
    seen_at: millis("seenAtMs"),
    matched_at: millis("matchedAtMs"),
    attempts_made: "toUInt16(least(attemptsMade, 65535))",
    origin: "origin",
    batch: "batch",
    precedence: "multiIf(origin IN ('match', 'test', 'operational'), 2, origin = 'release', 1, 0)",
  },
};

const attempts: Stream = {
  table: "attempts",
  format: "JSONEachRow",
  fields: {
    v: whole,
    attemptId: text,
    webhookId: text,
    eventId: text,
    endpointId: text,
    applicationId: text,
    userId: text,
    chainId: whole,
    attempt: whole,
    outcome: text,
    statusCode: whole,
    error: text,
    responseBody: text,
    startedAtMs: number,
    connectMs: "Nullable(Float64)",
    tlsMs: "Nullable(Float64)",
    firstByteMs: "Nullable(Float64)",
    totalMs: number,
    e2eMs: "Nullable(Float64)",
    nextAttemptAtMs: "Nullable(Float64)",
    batch: "Array(String)",
    origin: text,
    requestBytes: whole,
  },
  refuse: [
    newerThan(1),
    ["attemptId = '' OR webhookId = ''", "no attemptId or no webhookId"],
    ["userId = '' OR endpointId = ''", "no userId or no endpointId"],
  ],
  columns: {
    user_id: "userId",
    started_at: millis("startedAtMs"),
    attempt_id: "attemptId",
    webhook_id: "webhookId",
    application_id: "applicationId",
    endpoint_id: "endpointId",
    chain_id: "chainId",
    block_hash: bytes("splitByChar(':', eventId)[2]", 32),
    log_index: "toUInt32OrZero(splitByChar(':', eventId)[3])",
    attempt: "toUInt16(least(attempt, 65535))",
    outcome: "outcome",
    status_code: "toUInt16(least(statusCode, 65535))",
    error: "error",
    response_body: "responseBody",
    connect_ms: hundredthsOrNull("connectMs"),
    tls_ms: hundredthsOrNull("tlsMs"),
    answer_ms: hundredthsOrNull("firstByteMs", "totalMs - firstByteMs"),
    total_ms: hundredths("totalMs"),
    // What it has more than the POST itself.
    wait_ms:
      "if(isNull(e2eMs), NULL, toInt64(round(least(greatest(ifNull(e2eMs, 0.) - totalMs, -1e15), 1e15))))",
    next_attempt_at: `if(isNull(nextAttemptAtMs), NULL, ${millis("ifNull(nextAttemptAtMs, 0.)")})`,
    origin: "origin",
    batch: "batch",
    request_bytes: "toUInt32(least(requestBytes, 4294967295))",
  },
};

const deadDeliveries: Stream = {
  table: "dead_deliveries",
  format: "JSONEachRow",
  fields: {
    v: whole,
    reason: text,
    detail: text,
    delivery:
      "Tuple(webhookId String, eventId String, endpointId String, applicationId String, userId String, chainId UInt64, blockNumber UInt64, contract String)",
    // Only how many: each of them is a row of `attempts`.
    attempts: "Array(Tuple(attempt UInt64))",
    deadAtMs: number,
  },
  refuse: [
    newerThan(1),
    ["delivery.webhookId = ''", "no delivery.webhookId"],
    ["delivery.userId = ''", "no delivery.userId"],
  ],
  columns: {
    user_id: "delivery.userId",
    dead_at: millis("deadAtMs"),
    webhook_id: "delivery.webhookId",
    application_id: "delivery.applicationId",
    endpoint_id: "delivery.endpointId",
    chain_id: "delivery.chainId",
    event_id: "delivery.eventId",
    block_number: "delivery.blockNumber",
    contract: bytes("delivery.contract", 20),
    reason: "reason",
    detail: "detail",
    attempts: "toUInt16(least(length(attempts), 65535))",
  },
};

/** The value of a Kafka header; empty when there is none. */
const header = (name: string) => `_header_values[indexOf(_header_names, '${name}')]`;

const deadLogs: Stream = {
  table: "dead_logs",
  format: "RawBLOB",
  fields: { value: text },
  refuse: [[`${header("source-topic")} = ''`, "no source-topic header"]],
  columns: {
    source_topic: header("source-topic"),
    source_partition: `toInt64OrZero(${header("source-partition")})`,
    source_offset: `toInt64OrZero(${header("source-offset")})`,
    reason: header("reason"),
    group_id: header("group"),
    dead_at: millis(`toFloat64OrZero(${header("dead-at-ms")})`),
    key: "_record_key",
    value: "value",
  },
};

export const streams: readonly Stream[] = [logs, blocks, deliveries, attempts, deadDeliveries, deadLogs];
