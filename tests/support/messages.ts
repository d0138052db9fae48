import {
  webhookId,
  type Attempt,
  type Block,
  type DeadDelivery,
  type Delivery,
  type Log,
} from "@ethhook/schemas";

/** 32 bytes of hex that are the same for the same number and differ for others. */
export const hashOf = (n: number): string => `0x${n.toString(16).padStart(64, "a")}`;
export const addressOf = (n: number): string => `0x${n.toString(16).padStart(40, "c")}`;

/** Unix seconds of block 0 of these samples; a block a second. */
export const genesisSeconds = 1_790_000_000;

/** A well-formed log: the n-th of a block, with what the caller wants to be different. */
export function sampleLog(change: Partial<Log> = {}): Log {
  const blockNumber = change.blockNumber ?? 100;
  const sequence = change.sequence ?? blockNumber;
  return {
    v: 1,
    kind: "new",
    chainId: 1,
    blockNumber,
    blockHash: hashOf(blockNumber),
    blockTimestamp: genesisSeconds + blockNumber,
    transactionHash: hashOf(1_000_000 + blockNumber),
    transactionIndex: 0,
    logIndex: 0,
    address: addressOf(1),
    topics: [hashOf(7), hashOf(8)],
    data: `0x${"00".repeat(31)}2a`,
    sequence,
    addedSequence: sequence,
    proof: "bloom",
    seenAtMs: (genesisSeconds + blockNumber) * 1_000 + 250,
    ...change,
  };
}

export function sampleBlock(change: Partial<Block> = {}): Block {
  const number = change.number ?? 100;
  const sequence = change.sequence ?? number;
  return {
    v: 1,
    kind: "added",
    chainId: 1,
    sequence,
    addedSequence: sequence,
    number,
    hash: hashOf(number),
    parentHash: hashOf(number - 1),
    timestamp: genesisSeconds + number,
    logCount: 1,
    digest: "0d".repeat(32),
    proof: "bloom",
    seenAtMs: (genesisSeconds + number) * 1_000 + 250,
    ...change,
  };
}

export function sampleDelivery(change: Partial<Delivery> = {}): Delivery {
  const log = sampleLog();
  const eventId = change.eventId ?? `${log.chainId}:${log.blockHash}:${log.logIndex}`;
  const endpointId = change.endpointId ?? "ep_00000000000000000000000a";
  return {
    v: 1,
    webhookId: webhookId({ eventId, sequence: log.sequence, endpointId, kind: "new" }),
    eventId,
    kind: "new",
    endpointId,
    applicationId: "app_00000000000000000000000a",
    userId: "usr_00000000000000000000000a",
    chainId: log.chainId,
    blockNumber: log.blockNumber,
    blockHash: log.blockHash,
    blockTimestamp: log.blockTimestamp,
    transactionHash: log.transactionHash,
    logIndex: log.logIndex,
    contract: log.address,
    sequence: log.sequence,
    addedSequence: log.addedSequence,
    finality: "latest",
    format: "standard",
    filterVersion: 1,
    why: "address",
    body: '{"type":"log.new"}',
    seenAtMs: log.seenAtMs,
    matchedAtMs: log.seenAtMs + 2,
    attemptsMade: 0,
    origin: "match",
    ...change,
  };
}

export function sampleAttempt(change: Partial<Attempt> = {}): Attempt {
  const delivery = sampleDelivery();
  return {
    v: 1,
    attemptId: "att_00000000000000000000000a",
    webhookId: delivery.webhookId,
    eventId: delivery.eventId,
    endpointId: delivery.endpointId,
    applicationId: delivery.applicationId,
    userId: delivery.userId,
    chainId: delivery.chainId,
    attempt: 1,
    outcome: "delivered",
    statusCode: 200,
    error: null,
    responseBody: "ok",
    startedAtMs: delivery.matchedAtMs + 1,
    connectMs: 0.4,
    tlsMs: null,
    firstByteMs: 3.5,
    totalMs: 4.25,
    e2eMs: 9.75,
    nextAttemptAtMs: null,
    origin: "match",
    requestBytes: 512,
    ...change,
  };
}

export function sampleDeadDelivery(change: Partial<DeadDelivery> = {}): DeadDelivery {
  const attempt = sampleAttempt({ outcome: "failed", statusCode: 500 });
  return {
    v: 1,
    reason: "exhausted",
    detail: "8 attempts failed",
    delivery: sampleDelivery(),
    attempts: [attempt, { ...attempt, attempt: 2 }],
    deadAtMs: attempt.startedAtMs + 1_000,
    ...change,
  };
}
