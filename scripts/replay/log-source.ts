import type { PartitionReader } from "@ethhook/kit";
import type { Rematcher } from "@ethhook/matcher/rematch";
import type { Log } from "@ethhook/schemas";
import type { Topology } from "@ethhook/topology";
import { placeOf, type ReplayPlan } from "./plan.ts";
import { isAskedFor, type ReplayRequest } from "./request.ts";
import { recordsOf, type Candidate, type Positions } from "./source.ts";

/** Whether a log can bear a webhook that is asked for: before it is matched, which costs more. Pure. */
export function mayBeAskedFor(request: ReplayRequest, log: Log): boolean {
  const { chainId, contract, from, to } = request;
  if (chainId !== null && log.chainId !== chainId) return false;
  if (contract !== null && log.address !== contract) return false;
  if (from.kind === "block" && log.blockNumber < from.number) return false;
  return !(to.kind === "block" && log.blockNumber > to.number);
}

/** Webhooks of logs, matched again with the filters that the groups had then: the same ids and bytes as the first time. */
export async function* fromLogs(
  request: ReplayRequest,
  plan: ReplayPlan,
  positions: Positions,
  deps: { readonly topology: Topology; readonly reader: PartitionReader; readonly rematcher: Rematcher },
): AsyncGenerator<readonly Candidate[]> {
  const { topology, reader, rematcher } = deps;
  const codec = topology.logs.all[0]?.message;
  for await (const records of recordsOf(plan, positions, reader)) {
    const candidates: Candidate[] = [];
    for (const { topic, partition, offset, value } of records) {
      const decoded = codec?.decode(value);
      const wanted = decoded?.ok === true && mayBeAskedFor(request, decoded.value);
      const made = wanted ? await rematcher.deliveriesOf(decoded.value, partition) : [];
      const deliveries = made.filter((delivery) => isAskedFor(request, delivery));
      candidates.push({ place: placeOf(topic, partition), offset, deliveries });
    }
    yield candidates;
  }
}
