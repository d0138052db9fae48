import { z } from "zod";
import type { DecodedEvent, DecodedValue } from "../filter/types.ts";
import { address, bytes, chainId, count, finality, hash32, proof, type Finality } from "./fields.ts";
import { eventId, type Log } from "./log.ts";

/**
 * Largest body that is sent whole, in characters. Above it the raw data and the decoded arguments are left out, and
 * `omitted` says so: most servers refuse larger bodies, and the log can be fetched by its `eventId`. Every log is told.
 */
export const payloadCharsMax = 1_048_576;

const decodedValue: z.ZodType<DecodedValue> = z.lazy(() =>
  z.union([z.string(), z.boolean(), z.array(decodedValue), z.record(z.string(), decodedValue)]),
);

const omitted = z.object({
  /** What was left out. */
  fields: z.array(z.enum(["data", "event.args"])),
  /** Characters that the body would have had. */
  chars: count,
});

/** The body of a webhook in the standard format: what receivers rely on. */
export const payloadSchema = z.object({
  type: z.enum(["log.new", "log.removed"]),
  /** Time of the block, RFC 3339. */
  timestamp: z.iso.datetime(),
  data: z.object({
    /** `chainId:blockHash:logIndex`. */
    eventId: z.string(),
    chainId,
    chain: z.string(),
    blockNumber: count,
    blockHash: hash32,
    /** Unix seconds. */
    blockTimestamp: count,
    transactionHash: hash32,
    transactionIndex: count,
    logIndex: count,
    address,
    topics: z.array(hash32),
    /** Null when it was left out, see `omitted`. */
    data: bytes.nullable(),
    /** Sequence of the ledger record that added or removed the log: `removed` of a log has a higher one than its `new`. */
    sequence: count,
    finality,
    proof,
    /** The decoded event; absent for a filter by topics. Integers are decimal text. */
    event: z
      .object({
        name: z.string(),
        signature: z.string(),
        args: z.record(z.string(), decodedValue).nullable(),
      })
      .optional(),
    filter: z.object({
      /** Version of the endpoint's filter. */
      version: count,
      /** The clause that matched, in words. */
      why: z.string(),
    }),
    omitted: omitted.optional(),
    endpointId: z.string(),
  }),
});
export type Payload = z.infer<typeof payloadSchema>;

/** What one payload adds to its log. */
export interface PayloadParts {
  readonly endpointId: string;
  /** Null for a filter by topics. */
  readonly event: DecodedEvent | null;
  readonly filter: Payload["data"]["filter"];
}

/** Writes the bodies of one log for any number of endpoints: what they share is written once. */
export interface PayloadWriter {
  standard(parts: PayloadParts): string;
  /** The bare event of the system that EthHook replaces. It has no word for a removal: removals are not sent in it. */
  legacy(): string;
}

/**
 * A body is a pure function of the log and the subscription, so a repeat has the same bytes.
 * @param chain lower-case name of the log's chain.
 */
export function createPayloadWriter(log: Log, chain: string, of: Finality): PayloadWriter {
  let shared: string | undefined;
  let legacy: string | undefined;
  return {
    standard(parts) {
      shared ??= sharedPart(log, chain, of, log.data);
      const whole = complete(shared, parts);
      return whole.length <= payloadCharsMax ? whole : withoutData(log, chain, of, parts, whole.length);
    },
    legacy: () => (legacy ??= legacyBody(log)),
  };
}

function complete(shared: string, { event, filter, endpointId }: PayloadParts): string {
  const decoded = event === null ? "" : `,"event":${JSON.stringify(event)}`;
  return `${shared}${decoded},"filter":${JSON.stringify(filter)},"endpointId":${JSON.stringify(endpointId)}}}`;
}

function withoutData(log: Log, chain: string, of: Finality, parts: PayloadParts, chars: number): string {
  const { event, filter, endpointId } = parts;
  const fields = event === null ? ["data"] : ["data", "event.args"];
  const rest = {
    ...(event === null ? {} : { event: { ...event, args: null } }),
    filter,
    omitted: { fields, chars },
    endpointId,
  };
  return `${sharedPart(log, chain, of, null)},${JSON.stringify(rest).slice(1)}}`;
}

/** The standard body up to where endpoints differ, without its closing braces. */
function sharedPart(log: Log, chain: string, of: Finality, data: string | null): string {
  const { kind, chainId: id, blockNumber, blockHash, blockTimestamp } = log;
  const { transactionHash, transactionIndex, logIndex, address: contract, topics, sequence } = log;
  const body = {
    type: `log.${kind}`,
    timestamp: new Date(blockTimestamp * 1_000).toISOString(),
    data: {
      eventId: eventId(log),
      chainId: id,
      chain,
      blockNumber,
      blockHash,
      blockTimestamp,
      transactionHash,
      transactionIndex,
      logIndex,
      address: contract,
      topics,
      data,
      sequence,
      finality: of,
      proof: log.proof,
    },
  };
  return JSON.stringify(body).slice(0, -2);
}

function legacyBody(log: Log): string {
  const write = (data: string, more: object): string =>
    JSON.stringify({
      chain_id: log.chainId,
      block_number: log.blockNumber,
      transaction_hash: log.transactionHash,
      contract_address: log.address,
      topics: log.topics,
      data,
      timestamp: log.blockTimestamp,
      ...more,
    });
  const whole = write(log.data, {});
  if (whole.length <= payloadCharsMax) return whole;
  return write("0x", { omitted: { fields: ["data"], chars: whole.length } });
}
