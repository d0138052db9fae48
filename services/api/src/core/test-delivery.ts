import type { Delivery } from "@ethhook/schemas";
import type { EndpointResource } from "@ethhook/schemas/api";

const zeroHash = `0x${"0".repeat(64)}`;
const zeroAddress = `0x${"0".repeat(40)}`;
/** A delivery has a chain; a test belongs to none. Ethereum's id stands in where the endpoint's filter names none. */
const anyChainId = 1;

/** A webhook about nothing, to see that an endpoint is reached and its signature is right. */
export function testDelivery(
  endpoint: Pick<EndpointResource, "id" | "applicationId" | "format" | "finality" | "filterVersion">,
  userId: string,
  webhookId: string,
  nowMs: number,
): Delivery {
  const body = {
    type: "webhook.test",
    timestamp: new Date(nowMs).toISOString(),
    data: { endpointId: endpoint.id, message: "A test of EthHook. No log is behind it." },
  };
  return {
    v: 1,
    webhookId,
    eventId: "",
    kind: "new",
    endpointId: endpoint.id,
    applicationId: endpoint.applicationId,
    userId,
    chainId: anyChainId,
    blockNumber: 0,
    blockHash: zeroHash,
    blockTimestamp: Math.floor(nowMs / 1_000),
    transactionHash: zeroHash,
    logIndex: 0,
    contract: zeroAddress,
    sequence: 0,
    addedSequence: 0,
    finality: endpoint.finality,
    format: endpoint.format,
    filterVersion: endpoint.filterVersion,
    why: "a test that was asked for",
    body: JSON.stringify(body),
    seenAtMs: nowMs,
    matchedAtMs: nowMs,
    attemptsMade: 0,
    origin: "test",
  };
}
