import type { InRecord, PartitionReader } from "@ethhook/kit";
import type { Delivery } from "@ethhook/schemas";
import type { Topology } from "@ethhook/topology";
import { mergeByTime } from "./merge.ts";
import { parsePlace, placeOf, type ReplayPlan } from "./plan.ts";
import { isAskedFor, type ReplayRequest } from "./request.ts";

/** One record of the source, and the webhooks that it means; often none. */
export interface Candidate {
  /** `topic:partition`. */
  readonly place: string;
  readonly offset: number;
  readonly deliveries: readonly Delivery[];
}

export type Candidates = AsyncIterable<readonly Candidate[]>;

/** The next offset by place; a place without one is at its beginning. */
export type Positions = Readonly<Record<string, number>>;

/**
 * What the fetches of all partitions may bring together. They are compressed, to a tenth or less, and in memory until their records are
 * passed on.
 */
const fetchBytesMax = 4_194_304;

/** Records of the plan from where the positions stand, oldest first. */
export function recordsOf(
  plan: ReplayPlan,
  positions: Positions,
  reader: PartitionReader,
): AsyncIterable<readonly InRecord[]> {
  const spans = Object.entries(plan).map(([place, { from, until }]) => ({
    ...parsePlace(place),
    from: Math.max(from, positions[place] ?? from),
    until,
  }));
  const open = spans.filter(({ from, until }) => from < until);
  const fetchBytes = Math.ceil(fetchBytesMax / Math.max(1, open.length));
  return mergeByTime(
    open.map(({ topic, partition, from, until }) =>
      reader.read({ topic, partition }, from, until, fetchBytes),
    ),
  );
}

/** Webhooks as they stand in `deliveries`: the first record of each, not the ones that repeat it after a failure. */
export async function* fromDeliveries(
  request: ReplayRequest,
  plan: ReplayPlan,
  positions: Positions,
  deps: { readonly topology: Topology; readonly reader: PartitionReader },
): AsyncGenerator<readonly Candidate[]> {
  for await (const records of recordsOf(plan, positions, deps.reader)) {
    yield records.map(({ topic, partition, offset, value }) => {
      const decoded = deps.topology.deliveries.message.decode(value);
      const wanted = decoded.ok && decoded.value.origin === "match" && isAskedFor(request, decoded.value);
      return { place: placeOf(topic, partition), offset, deliveries: wanted ? [decoded.value] : [] };
    });
  }
}
