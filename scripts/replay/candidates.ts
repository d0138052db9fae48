import { createEndpointMatcher, createRematcher, type EndpointMatcher } from "@ethhook/matcher/rematch";
import { PipelineError } from "@ethhook/schemas";
import type { Chain } from "@ethhook/topology";
import { createPastLogs, type PastLogs } from "./clickhouse-logs.ts";
import { createHandover } from "./handover.ts";
import { fromLogs } from "./log-source.ts";
import { fromPast } from "./past-source.ts";
import { planPast } from "./plan-past.ts";
import { planReplay, type ReplayPlan } from "./plan.ts";
import type { ReplayRequest } from "./request.ts";
import type { Session } from "./session.ts";
import { fromDeliveries, type Candidates, type Positions } from "./source.ts";
import { createStatusLookup, withStatus } from "./status.ts";

/** How a source waits, and says for what. */
export interface Patience {
  pause(ms: number): Promise<void>;
  stopping(): boolean;
  onWaiting(why: string): void;
}

/** Webhooks to be sent again. Call `close` when done with them. */
export interface OpenCandidates {
  readonly candidates: Candidates;
  close(): Promise<void>;
}

/** What a request reads, fixed from now on. */
export async function planOf(
  request: ReplayRequest,
  session: Session,
  pause: (ms: number) => Promise<void>,
): Promise<ReplayPlan> {
  if (!request.matchAgain) return planReplay(request, session);
  const endpoint = await endpointOf(request, session);
  return planPast(request, endpoint, {
    ...session,
    pastLogs: (chain) => pastLogsOf(chain, session),
    now: Date.now,
    pause,
  });
}

/** The webhooks that a request means, from where the positions stand. */
export async function candidatesOf(
  { request, plan }: { readonly request: ReplayRequest; readonly plan: ReplayPlan },
  positions: Positions,
  session: Session,
  patience: Patience,
): Promise<OpenCandidates> {
  const open = await sourceOf(request, plan, positions, session, patience);
  if (request.status === null) return open;
  const lookup = createStatusLookup(session.config.CLICKHOUSE_URL, session.config.CLICKHOUSE_DATABASE);
  return {
    candidates: withStatus(open.candidates, request.status, lookup),
    close: async () => {
      await Promise.all([open.close(), lookup.close()]);
    },
  };
}

async function sourceOf(
  request: ReplayRequest,
  plan: ReplayPlan,
  positions: Positions,
  session: Session,
  patience: Patience,
): Promise<OpenCandidates> {
  if (!request.matchAgain && request.topic === session.topology.deliveries.name) {
    return { candidates: fromDeliveries(request, plan, positions, session), close: async () => undefined };
  }
  const rematcher = createRematcher({ ...session, broker: session.kafka, now: Date.now });
  const close = () => rematcher.close();
  if (!request.matchAgain)
    return { candidates: fromLogs(request, plan, positions, { ...session, rematcher }), close };
  const endpoint = await endpointOf(request, session);
  const handover = createHandover(endpoint, { ...session, ...patience });
  const pastLogs = (chain: Chain) => pastLogsOf(chain, session);
  const deps = { ...session, ...patience, rematcher, endpoint, handover, pastLogs };
  return { candidates: fromPast(request, plan, positions, deps), close };
}

async function endpointOf({ endpointId }: ReplayRequest, session: Session): Promise<EndpointMatcher> {
  const endpoint = await createEndpointMatcher(endpointId ?? "", { ...session, now: Date.now });
  if (endpoint !== null) return endpoint;
  throw new PipelineError("REPLAY_REFUSED", "crash", `endpoint ${endpointId} has no filter: was it deleted?`);
}

function pastLogsOf(chain: Chain, { config }: Session): PastLogs {
  return createPastLogs(config.CLICKHOUSE_URL, config.CLICKHOUSE_DATABASE, chain.id);
}
