import {
  createPayloadWriter,
  eventId,
  webhookId,
  type Delivery,
  type Finality,
  type Log,
} from "@ethhook/schemas";
import type { Match } from "./subscription.ts";

/** What matching adds to a log's deliveries. */
export interface MatchContext {
  /** Lower-case name of the log's chain. */
  readonly chain: string;
  readonly finality: Finality;
  /** Version of the filter set. */
  readonly version: number;
  readonly matchedAtMs: number;
}

/**
 * One delivery per endpoint that accepts the log. A removal goes to those endpoints that want removals and were told
 * of the log in a format that can say so.
 */
export function* deliveriesOf(
  log: Log,
  matches: readonly Match[],
  context: MatchContext,
): Generator<Delivery> {
  const { chain, finality, version, matchedAtMs } = context;
  const payloads = createPayloadWriter(log, chain, finality);
  const event = eventId(log);
  for (const { subscription, alternative } of matches) {
    const { endpointId, applicationId, userId, format, filter, since } = subscription;
    if (log.kind === "removed" && (!subscription.sendRemoved || format === "legacy")) continue;
    const why = filter.clause(log, alternative);
    const decoded = format === "standard" ? filter.decode(log, alternative) : null;
    const body =
      format === "legacy"
        ? payloads.legacy()
        : payloads.standard({ endpointId, event: decoded, filter: { version: since, why } });
    yield {
      v: 1,
      webhookId: webhookId({ eventId: event, sequence: log.sequence, endpointId, kind: log.kind }),
      eventId: event,
      kind: log.kind,
      endpointId,
      applicationId,
      userId,
      chainId: log.chainId,
      blockNumber: log.blockNumber,
      blockHash: log.blockHash,
      blockTimestamp: log.blockTimestamp,
      transactionHash: log.transactionHash,
      logIndex: log.logIndex,
      contract: log.address,
      sequence: log.sequence,
      addedSequence: log.addedSequence,
      finality,
      format,
      filterVersion: version,
      why,
      body,
      seenAtMs: log.seenAtMs,
      matchedAtMs,
      attemptsMade: 0,
      origin: "match",
    };
  }
}
