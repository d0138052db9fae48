import type { PartitionReader } from "@ethhook/kit";
import type { EndpointMatcher, Rematcher } from "@ethhook/matcher/rematch";
import type { Delivery, Log } from "@ethhook/schemas";
import type { Chain, Topology } from "@ethhook/topology";
import type { PastLogs } from "./clickhouse-logs.ts";
import type { Handover } from "./handover.ts";
import { mayBeAskedFor } from "./log-source.ts";
import { placeOf, type ReplayPlan } from "./plan.ts";
import type { ReplayRequest } from "./request.ts";
import { recordsOf, type Candidate, type Positions } from "./source.ts";

/** Where positions of the ClickHouse part stand: `clickhouse:<chain id>`, counted in ledger sequences. */
export const pastPlace = (chain: Pick<Chain, "id">): string => `clickhouse:${chain.id}`;

export interface PastDeps {
  readonly topology: Topology;
  readonly reader: PartitionReader;
  readonly rematcher: Rematcher;
  readonly endpoint: EndpointMatcher;
  readonly handover: Handover;
  pastLogs(chain: Chain): PastLogs;
  pause(ms: number): Promise<void>;
  stopping(): boolean;
  onWaiting(what: string): void;
}

const pollMs = 1_000;

/**
 * The past of one endpoint, matched with its present filter: from ClickHouse where the topics no longer hold it, then from the
 * topics up to where the live tail takes over. Logs that a reorg took back are left out.
 */
export async function* fromPast(
  request: ReplayRequest,
  plan: ReplayPlan,
  positions: Positions,
  deps: PastDeps,
): AsyncGenerator<readonly Candidate[]> {
  for (const chain of deps.topology.chains) {
    const span = plan[pastPlace(chain)];
    if (span !== undefined) yield* fromClickHouse(request, chain, span, positions, deps);
  }
  yield* fromTopics(request, plan, positions, deps);
}

async function* fromClickHouse(
  request: ReplayRequest,
  chain: Chain,
  span: { readonly from: number; readonly until: number },
  positions: Positions,
  deps: PastDeps,
): AsyncGenerator<readonly Candidate[]> {
  const place = pastPlace(chain);
  const topic = deps.topology.logs.of(chain.id).name;
  const logs = deps.pastLogs(chain);
  try {
    const next = Math.max(span.from, positions[place] ?? span.from);
    // One candidate a sequence: its logs are sent together, so a position never lies inside a block.
    for await (const some of logs.read(next - 1, span.until - 1)) {
      const deliveries: Delivery[] = [];
      for (const { log, partition, offset } of some) {
        const made = mayBeAskedFor(request, log) ? deps.endpoint.deliveriesOf(log) : [];
        const at = { topic, partition, offset, timestampMs: log.seenAtMs };
        if (made.length > 0 && (await isOurs(log, at, deps))) deliveries.push(...made);
      }
      yield [{ place, offset: some[0]?.log.sequence ?? next, deliveries }];
    }
  } finally {
    await logs.close();
  }
}

async function* fromTopics(
  request: ReplayRequest,
  plan: ReplayPlan,
  positions: Positions,
  deps: PastDeps,
): AsyncGenerator<readonly Candidate[]> {
  const codec = deps.topology.logs.all[0]?.message;
  const topics = Object.fromEntries(Object.entries(plan).filter(([place]) => place.startsWith("logs.")));
  for await (const records of recordsOf(topics, positions, deps.reader)) {
    const candidates: Candidate[] = [];
    for (const { topic, partition, offset, timestampMs, value } of records) {
      const decoded = codec?.decode(value);
      const candidate = { place: placeOf(topic, partition), offset };
      const log = decoded?.ok === true && isPast(request, plan, decoded.value) ? decoded.value : null;
      const made = log === null ? [] : deps.endpoint.deliveriesOf(log);
      const mine =
        log !== null &&
        made.length > 0 &&
        (await isOurs(log, { topic, partition, offset, timestampMs }, deps));
      candidates.push({ ...candidate, deliveries: mine ? made : [] });
    }
    yield candidates;
  }
}

function isPast(request: ReplayRequest, plan: ReplayPlan, log: Log): boolean {
  if (log.kind !== "new" || !mayBeAskedFor(request, log)) return false;
  // What ClickHouse told of already.
  return log.sequence >= (plan[pastPlace({ id: log.chainId })]?.until ?? 0);
}

/** Whether a log that fits is to be told of here: it is not the live matcher's, and it stands. */
async function isOurs(
  log: Log,
  at: {
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
    readonly timestampMs: number;
  },
  deps: PastDeps,
): Promise<boolean> {
  if (await deps.handover.isLive({ ...at, chainId: log.chainId, sequence: log.sequence })) return false;
  const { finality } = deps.endpoint;
  for (;;) {
    const status = await deps.rematcher.statusOf(log, finality === "latest" ? "finalized" : finality);
    if (status === "removed") return false;
    if (status !== "waiting" || finality === "latest" || deps.stopping()) return true;
    deps.onWaiting(`block ${log.blockNumber} is not ${finality} yet`);
    await deps.pause(pollMs);
  }
}
