import fc from "fast-check";
import { attemptOutcome, type Attempt } from "./attempt.ts";
import type { Block } from "./block.ts";
import type { DeadDelivery } from "./dead-letter.ts";
import type { Delivery } from "./delivery.ts";
import { finality, logKind, payloadFormat, proof } from "./fields.ts";
import type { Log } from "./log.ts";

// Every message that the types allow, edges of the ranges included. For property tests only.

const hex = (bytes: number) =>
  fc
    .uint8Array({ minLength: bytes, maxLength: bytes })
    .map((array) => `0x${Buffer.from(array).toString("hex")}`);
const count = fc.maxSafeNat();
const hash32 = hex(32);
const address = hex(20);
/** JSON has one zero. */
const ms = fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map((value) => value + 0);
const text = fc.string({ unit: "grapheme" });
const name = fc.string({ minLength: 1 });
const origin = fc.constantFrom("match", "release", "replay", "redrive", "test", "operational");
const chainId = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

export const logs: fc.Arbitrary<Log> = fc.record({
  v: fc.constant(1),
  kind: fc.constantFrom(...logKind.options),
  chainId,
  blockNumber: count,
  blockHash: hash32,
  blockTimestamp: count,
  transactionHash: hash32,
  transactionIndex: count,
  logIndex: count,
  address,
  topics: fc.array(hash32, { maxLength: 4 }),
  data: fc.uint8Array().map((array) => `0x${Buffer.from(array).toString("hex")}`),
  sequence: count,
  addedSequence: count,
  proof: fc.constantFrom(...proof.options),
  seenAtMs: ms,
});

export const blocks: fc.Arbitrary<Block> = fc.record({
  v: fc.constant(1),
  kind: fc.constantFrom("added", "removed", "finalized"),
  chainId,
  sequence: count,
  addedSequence: count,
  number: count,
  hash: hash32,
  parentHash: hash32,
  timestamp: count,
  logCount: count,
  digest: hash32.map((value) => value.slice(2)),
  proof: fc.constantFrom(...proof.options),
  seenAtMs: ms,
});

export const deliveries: fc.Arbitrary<Delivery> = fc.record({
  v: fc.constant(1),
  webhookId: name,
  eventId: text,
  kind: fc.constantFrom(...logKind.options),
  endpointId: name,
  applicationId: name,
  userId: name,
  chainId,
  blockNumber: count,
  blockHash: hash32,
  blockTimestamp: count,
  transactionHash: hash32,
  logIndex: count,
  contract: address,
  sequence: count,
  addedSequence: count,
  finality: fc.constantFrom(...finality.options),
  format: fc.constantFrom(...payloadFormat.options),
  filterVersion: count,
  why: text,
  body: text,
  seenAtMs: ms,
  matchedAtMs: ms,
  attemptsMade: count,
  origin,
});

export const attempts: fc.Arbitrary<Attempt> = fc.record({
  v: fc.constant(1),
  attemptId: name,
  webhookId: name,
  eventId: text,
  endpointId: name,
  applicationId: name,
  userId: name,
  chainId,
  attempt: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  outcome: fc.constantFrom(...attemptOutcome.options),
  statusCode: fc.option(fc.integer({ min: 100, max: 599 })),
  error: fc.option(text),
  responseBody: text,
  startedAtMs: ms,
  connectMs: fc.option(ms),
  tlsMs: fc.option(ms),
  firstByteMs: fc.option(ms),
  totalMs: ms,
  e2eMs: fc.option(ms),
  nextAttemptAtMs: fc.option(ms),
  origin,
  requestBytes: count,
});

export const deadDeliveries: fc.Arbitrary<DeadDelivery> = fc.record({
  v: fc.constant(1),
  reason: fc.constantFrom("exhausted", "blocked", "overflow", "gone", "too_large"),
  detail: text,
  delivery: deliveries,
  attempts: fc.array(attempts, { maxLength: 3 }),
  deadAtMs: ms,
});
