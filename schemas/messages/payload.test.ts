import { describe, expect, test } from "vitest";
import type { Log } from "./log.ts";
import { createPayloadWriter, payloadCharsMax, payloadSchema, type PayloadParts } from "./payload.ts";

const hash = (n: number): string => `0x${n.toString(16).padStart(64, "0")}`;
const log: Log = {
  v: 1,
  kind: "new",
  chainId: 1,
  blockNumber: 18_000_000,
  blockHash: hash(1),
  blockTimestamp: 1_693_066_895,
  transactionHash: hash(2),
  transactionIndex: 3,
  logIndex: 4,
  address: `0x${"c0".repeat(20)}`,
  topics: [hash(5)],
  data: "0x01",
  sequence: 7,
  addedSequence: 7,
  proof: "receipts",
  seenAtMs: 1,
};
const parts: PayloadParts = {
  endpointId: "ep_a",
  event: { name: "E", signature: "E(uint256)", args: { value: "1" } },
  filter: { version: 9, why: "E where value gte 1" },
};

describe("the standard body", () => {
  test("is JSON of its schema, with the time of the block", () => {
    const body: unknown = JSON.parse(createPayloadWriter(log, "ethereum", "latest").standard(parts));
    expect(payloadSchema.strict().parse(body)).toEqual(body);
    expect(body).toMatchObject({
      type: "log.new",
      timestamp: "2023-08-26T16:21:35.000Z",
      data: {
        eventId: `1:${hash(1)}:4`,
        chain: "ethereum",
        data: "0x01",
        finality: "latest",
        event: parts.event,
        filter: parts.filter,
        endpointId: "ep_a",
      },
    });
  });

  test("has no event for a filter by topics", () => {
    const body = payloadSchema.parse(
      JSON.parse(createPayloadWriter(log, "base", "finalized").standard({ ...parts, event: null })),
    );
    expect(body.data).not.toHaveProperty("event");
  });

  test("is the same bytes each time", () => {
    const write = (): string => createPayloadWriter({ ...log }, "ethereum", "latest").standard({ ...parts });
    expect(write()).toBe(write());
  });
});

describe("a body above the limit", () => {
  const large = { ...log, data: `0x${"ab".repeat(payloadCharsMax)}` };

  test("is sent without the raw data and the arguments, and says so", () => {
    const text = createPayloadWriter(large, "ethereum", "latest").standard(parts);
    expect(text.length).toBeLessThan(2_000);
    const body = payloadSchema.parse(JSON.parse(text));
    expect(body.data).toMatchObject({
      eventId: `1:${hash(1)}:4`,
      data: null,
      event: { name: "E", args: null },
      filter: parts.filter,
      omitted: { fields: ["data", "event.args"] },
      endpointId: "ep_a",
    });
    expect(body.data.omitted?.chars).toBeGreaterThan(2 * payloadCharsMax);
  });

  test("is sent in the old format with no data, and says so", () => {
    const body: unknown = JSON.parse(createPayloadWriter(large, "ethereum", "latest").legacy());
    expect(body).toMatchObject({ data: "0x", contract_address: log.address, omitted: { fields: ["data"] } });
  });
});

test("the old format is the bare event with the names of the old system", () => {
  expect(JSON.parse(createPayloadWriter(log, "ethereum", "latest").legacy())).toEqual({
    chain_id: 1,
    block_number: 18_000_000,
    transaction_hash: hash(2),
    contract_address: log.address,
    topics: log.topics,
    data: "0x01",
    timestamp: 1_693_066_895,
  });
});
