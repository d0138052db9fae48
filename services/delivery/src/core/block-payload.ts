import { createHash } from "node:crypto";
import type { Delivery } from "@ethhook/schemas";

/**
 * One delivery out of those of a block. Its body wraps theirs, byte for byte; its id follows from theirs, so that the same members
 * give the same id for ever.
 * @param members not empty; of one endpoint and block, in the order of their logs.
 */
export function blockDelivery(members: readonly Delivery[]): Delivery {
  const [first] = members;
  if (first === undefined) throw new RangeError("a batch has at least one delivery");
  const batch = members.map((member) => member.webhookId);
  const { chainId, blockNumber, blockHash, blockTimestamp, kind, sequence, finality } = first;
  const head = JSON.stringify({
    chainId,
    blockNumber,
    blockHash,
    blockTimestamp,
    sequence,
    finality,
    count: members.length,
  });
  const timestamp = new Date(blockTimestamp * 1_000).toISOString();
  const events = members.map((member) => member.body).join(",");
  return {
    ...first,
    webhookId: `msg_${createHash("sha256")
      .update(`batch|${batch.join("|")}`)
      .digest("hex")
      .slice(0, 32)}`,
    why: members.length === 1 ? first.why : `${members.length} matches of the block`,
    body: `{"type":"block.${kind}","timestamp":"${timestamp}","data":${head.slice(0, -1)},"events":[${events}]}}`,
    seenAtMs: Math.min(...members.map((member) => member.seenAtMs)),
    attemptsMade: 0,
    batch,
  };
}
