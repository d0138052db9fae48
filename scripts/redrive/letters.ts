import type { InRecord, PartitionReader } from "@ethhook/kit";
import type { Rematcher } from "@ethhook/matcher/rematch";
import { deadDeliveryCodec, logCodec, type Delivery } from "@ethhook/schemas";
import type { Topology } from "@ethhook/topology";
import type { ReplayPlan } from "../replay/plan.ts";
import { recordsOf } from "../replay/source.ts";

/** A dead letter: where it stands, why it died, and the webhooks that could be sent of it. */
export interface DeadLetter {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly reason: string;
  readonly deliveries: readonly Delivery[];
}

/** What a person wants brought back. */
export interface LetterFilter {
  readonly reason: string | null;
  readonly endpointId: string | null;
  readonly userId: string | null;
  readonly chainId: number | null;
}

export function isWanted(filter: LetterFilter, reason: string, delivery: Delivery): boolean {
  return (
    (filter.reason === null || filter.reason === reason) &&
    (filter.endpointId === null || filter.endpointId === delivery.endpointId) &&
    (filter.userId === null || filter.userId === delivery.userId) &&
    (filter.chainId === null || filter.chainId === delivery.chainId)
  );
}

/** Dead letters of the plan, oldest first. Those of `logs.dlq` bear webhooks only when this version can read them. */
export async function* deadLetters(
  plan: ReplayPlan,
  filter: LetterFilter,
  deps: { readonly topology: Topology; readonly reader: PartitionReader; readonly rematcher: Rematcher },
): AsyncGenerator<readonly DeadLetter[]> {
  for await (const records of recordsOf(plan, {}, deps.reader)) {
    const letters: DeadLetter[] = [];
    for (const record of records) {
      const read =
        record.topic === deps.topology.logsDlq.name
          ? await deadLog(record, deps.rematcher)
          : deadDelivery(record);
      const { topic, partition, offset } = record;
      const deliveries = read.deliveries.filter((delivery) => isWanted(filter, read.reason, delivery));
      letters.push({ topic, partition, offset, reason: read.reason, deliveries });
    }
    yield letters;
  }
}

interface Read {
  readonly reason: string;
  readonly deliveries: readonly Delivery[];
}

function deadDelivery({ value }: InRecord): Read {
  const decoded = deadDeliveryCodec.decode(value);
  return decoded.ok
    ? { reason: decoded.value.reason, deliveries: [decoded.value.delivery] }
    : { reason: "unreadable", deliveries: [] };
}

/** A log that could not be read then: matched with the filters of its time if it can be read now. */
async function deadLog({ value, headers }: InRecord, rematcher: Rematcher): Promise<Read> {
  const decoded = logCodec.decode(value);
  if (!decoded.ok) return { reason: "unreadable", deliveries: [] };
  const partition = Number(headers["source-partition"]);
  return { reason: "unreadable", deliveries: await rematcher.deliveriesOf(decoded.value, partition) };
}
