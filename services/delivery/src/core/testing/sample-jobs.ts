import { endpointSettingsDefault, webhookId, type Delivery } from "@ethhook/schemas";
import type { Endpoint } from "../endpoint.ts";
import type { Job } from "../job.ts";

/** The endpoint of the sample deliveries; it has no secret to sign with. */
export const sampleEndpoint: Endpoint = {
  id: "ep_1",
  applicationId: "app_1",
  userId: "usr_1",
  url: "https://example.org",
  status: "enabled",
  settings: endpointSettingsDefault,
  secrets: [],
};

/** The n-th delivery of an endpoint: one log of one block. */
export function sampleDelivery(n: number, change: Partial<Delivery> = {}): Delivery {
  const blockHash = `0x${n.toString(16).padStart(64, "0")}`;
  const about = { eventId: `1:${blockHash}:0`, endpointId: "ep_1", kind: "new" as const, ...change };
  const sequence = change.sequence ?? n;
  return {
    v: 1,
    webhookId: webhookId({ ...about, sequence }),
    applicationId: "app_1",
    userId: "usr_1",
    chainId: 1,
    blockNumber: n,
    blockHash,
    blockTimestamp: 1_790_000_000 + n,
    transactionHash: `0x${"1".repeat(64)}`,
    logIndex: 0,
    contract: `0x${"c".repeat(40)}`,
    addedSequence: sequence,
    finality: "latest",
    format: "standard",
    filterVersion: 1,
    why: "address",
    body: JSON.stringify({ type: "log.new", data: { n } }),
    seenAtMs: 1_790_000_000_000,
    matchedAtMs: 1_790_000_000_000,
    attemptsMade: 0,
    origin: "match",
    ...about,
    sequence,
  };
}

/** What takes back the log that `fresh` told of. */
export function removalOf(fresh: Delivery): Delivery {
  const { eventId, endpointId } = fresh;
  const sequence = fresh.sequence + 1_000;
  const id = webhookId({ eventId, sequence, endpointId, kind: "removed" });
  return { ...fresh, kind: "removed", sequence, addedSequence: fresh.sequence, webhookId: id };
}

/** A job as the topic brings it, that nobody before can have begun. `settle` does nothing unless it is given. */
export function sampleJob(delivery: Delivery, change: Partial<Job> = {}): Job {
  return {
    delivery,
    replay: false,
    partition: 0,
    offset: delivery.sequence,
    bytes: delivery.body.length,
    takenAtMs: 0,
    fresh: true,
    stored: false,
    orderKey: "",
    settle: () => undefined,
    isCurrent: () => true,
    ...change,
  };
}
