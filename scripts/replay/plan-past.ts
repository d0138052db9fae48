import type { EndpointMatcher } from "@ethhook/matcher/rematch";
import type { Chain } from "@ethhook/topology";
import type { PastLogs } from "./clickhouse-logs.ts";
import { pastPlace } from "./past-source.ts";
import { planReplay, type PlanDeps, type ReplayPlan, type Span } from "./plan.ts";
import type { ReplayRequest } from "./request.ts";

export interface PlanPastDeps extends PlanDeps {
  pastLogs(chain: Chain): PastLogs;
  now(): number;
  pause(ms: number): Promise<void>;
}

/** Matchers hear of a version within seconds. Logs written later than this after it are matched live for certain. */
const heardAfterMs = 10_000;

/**
 * What to read for an endpoint's past: the topics of its chains, and before them ClickHouse, where retention has deleted
 * something that is asked for.
 */
export async function planPast(
  request: ReplayRequest,
  endpoint: Pick<EndpointMatcher, "createdAtMs">,
  deps: PlanPastDeps,
): Promise<ReplayPlan> {
  await deps.pause(Math.max(0, endpoint.createdAtMs + heardAfterMs - deps.now()));
  const plan: Record<string, Span> = {};
  for (const chain of deps.topology.chains) {
    if (request.chainId !== null && request.chainId !== chain.id) continue;
    const topic = deps.topology.logs.of(chain.id).name;
    const spans = await planReplay({ ...request, topic, chainId: chain.id }, deps);
    Object.assign(plan, spans);
    const past = await planClickHouse(request, chain, topic, spans, deps);
    if (past !== null) plan[pastPlace(chain)] = past;
  }
  return plan;
}

/** The ledger sequences that only ClickHouse has; null when the topic still has all that is asked for. */
async function planClickHouse(
  request: ReplayRequest,
  chain: Chain,
  topic: string,
  spans: ReplayPlan,
  deps: PlanPastDeps,
): Promise<Span | null> {
  const { from } = request;
  if (from.kind === "offset" || from.kind === "end") return null;
  const bounds = await deps.admin.bounds(topic);
  const cut = bounds.filter(({ partition, start }) => {
    const span = spans[`${topic}:${partition}`];
    return start > 0 && (span === undefined || span.from <= start);
  });
  if (cut.length === 0) return null;
  const until =
    1 + Math.max(...(await Promise.all(cut.map((bound) => lastDeleted(chain, topic, bound, deps)))));
  const logs = deps.pastLogs(chain);
  try {
    const at = from.kind === "block" ? { block: from.number } : { ms: from.kind === "time" ? from.ms : 0 };
    const first = await logs.firstSequence(at);
    return first === null || first >= until ? null : { from: first, until };
  } finally {
    await logs.close();
  }
}

/**
 * The newest sequence of which this partition may have lost logs: that of its oldest record, whose block may be cut in
 * two; of an empty partition, the newest of all.
 */
async function lastDeleted(
  chain: Chain,
  topic: string,
  bound: { readonly partition: number; readonly start: number; readonly end: number },
  { topology, reader }: PlanPastDeps,
): Promise<number> {
  const codec = topology.logs.of(chain.id).message;
  for await (const [record] of reader.read(
    { topic, partition: bound.partition },
    bound.start,
    bound.end,
    1,
  )) {
    const decoded = codec.decode(record?.value ?? null);
    if (decoded.ok) return decoded.value.sequence;
  }
  const ledger = { topic: topology.blocks.name, partition: chain.ledgerPartition };
  const [newest] = await reader.tail(ledger, 1);
  const decoded = topology.blocks.message.decode(newest?.value ?? null);
  return decoded.ok ? decoded.value.sequence : 0;
}
