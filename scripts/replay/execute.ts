import { toRecord } from "@ethhook/topology";
import type { Delivery } from "@ethhook/schemas";
import { pause } from "../lag/serve.ts";
import { alreadySent, replayHeader } from "./already-sent.ts";
import { createLead } from "./lead.ts";
import { createProgress, type ProgressOutput } from "./progress.ts";
import { asReplay, type ReplayRequest } from "./request.ts";
import { runReplay, type ReplayEnd, type ReplayState } from "./run.ts";
import type { Session } from "./session.ts";
import { candidatesOf } from "./candidates.ts";
import type { StoredReplay } from "./store.ts";

/**
 * Runs a stored replay from where it stands to its end, or until `signal` aborts. Only one process can.
 * @param ranBefore another process ran it, and may have sent more than it noted.
 */
export async function executeReplay(
  replay: StoredReplay,
  session: Session,
  output: ProgressOutput,
  signal: AbortSignal,
  ranBefore: boolean,
): Promise<{ readonly end: ReplayEnd; readonly state: ReplayState }> {
  const unlock = await session.store.lock(replay.id);
  const progress = createProgress(replay.plan, output, Date.now);
  const { deliveriesReplay } = session.topology;
  const wait = (ms: number) => pause(ms, signal);
  const isCancelled = async () => (await session.store.get(replay.id)).status === "cancelled";
  const { candidates, close } = await candidatesOf(replay, replay.positions, session, {
    pause: wait,
    stopping: () => signal.aborted,
    onWaiting: progress.waiting,
  });
  const room = createLead(session.topology, session.admin, replay.request.leadMax, {
    pause: wait,
    stopping: () => signal.aborted,
    isCancelled,
    onWaiting: (lead) => progress.waiting(`${lead} records are not yet taken by delivery (npm run lag)`),
  });
  try {
    const outcome = await runReplay(candidates, replay, replay.request.ratePerSecond, {
      already: ranBefore ? await alreadySent(replay, session) : new Set(),
      send: (deliveries) =>
        session.producer.send(
          deliveries.map((delivery) =>
            toRecord(deliveriesReplay, asReplay(delivery, "replay"), { [replayHeader]: replay.id }),
          ),
        ),
      room,
      isCancelled,
      save: (state) => session.store.save(replay.id, state),
      now: Date.now,
      pause: wait,
      stopping: () => signal.aborted,
      onProgress: progress.show,
    });
    if (outcome.end === "done") await session.store.finish(replay.id);
    return outcome;
  } finally {
    progress.end();
    await close();
    await unlock();
  }
}

/** What a replay would send: webhooks by endpoint. Sends nothing, stores nothing. */
export async function dryRun(
  request: ReplayRequest,
  plan: StoredReplay["plan"],
  session: Session,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const { candidates, close } = await candidatesOf({ request, plan }, {}, session, {
    pause: (ms) => pause(ms, signal),
    stopping: () => signal.aborted,
    onWaiting: () => undefined,
  });
  try {
    await runReplay(candidates, { positions: {}, scanned: 0, sent: 0 }, null, {
      already: new Set(),
      async send(deliveries: readonly Delivery[]) {
        for (const { endpointId } of deliveries) counts.set(endpointId, (counts.get(endpointId) ?? 0) + 1);
      },
      room: async () => undefined,
      isCancelled: async () => false,
      save: async () => true,
      now: Date.now,
      pause: async () => undefined,
      stopping: () => signal.aborted,
      onProgress: () => undefined,
    });
  } finally {
    await close();
  }
  return counts;
}
