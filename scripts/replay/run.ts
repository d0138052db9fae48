import type { Delivery } from "@ethhook/schemas";
import { chunkSize, createPace } from "./pace.ts";
import { createRecentIds } from "./recent-ids.ts";
import type { Candidate, Candidates, Positions } from "./source.ts";

/** How far a replay is. */
export interface ReplayState {
  readonly positions: Positions;
  /** Records read. */
  readonly scanned: number;
  /** Webhooks handed over (in a dry run: that would be). */
  readonly sent: number;
}

export type ReplayEnd = "done" | "stopped" | "cancelled";

export interface RunDeps {
  /** Webhooks that this replay sent before its process was killed: they count as sent, and are not sent again. */
  readonly already: ReadonlySet<string>;
  /** Resolves once the broker holds them. A dry run only counts. */
  send(deliveries: readonly Delivery[]): Promise<void>;
  /** Resolves when few enough wait in the topic, or at once; also when the replay ends meanwhile. */
  room(sent: number): Promise<void>;
  /** Asked before each sending: after a cancel nothing more is sent. */
  isCancelled(): Promise<boolean>;
  /** Writes the state down. False: the replay was cancelled meanwhile. */
  save(state: ReplayState): Promise<boolean>;
  now(): number;
  pause(ms: number): Promise<void>;
  /** True: stop at the next chance; the replay can be resumed. */
  stopping(): boolean;
  onProgress(state: ReplayState): void;
}

/** The state is written so often: what a killed process sent after it is looked for in the topic by the one that goes on. */
const saveEveryMs = 500;

/**
 * Sends candidates again at a rate, in their order. What was sent is written down after the broker has it, so nothing is
 * skipped.
 */
export async function runReplay(
  candidates: Candidates,
  begin: ReplayState,
  ratePerSecond: number | null,
  deps: RunDeps,
): Promise<{ readonly end: ReplayEnd; readonly state: ReplayState }> {
  const ids = createRecentIds();
  const pace = createPace(ratePerSecond, deps.now());
  const size = chunkSize(ratePerSecond);
  const positions: Record<string, number> = { ...begin.positions };
  let { scanned, sent } = begin;
  let savedAtMs = deps.now();
  const state = (): ReplayState => ({ positions: { ...positions }, scanned, sent });
  for await (const some of candidates) {
    for (const chunk of chunksOf(some, size, ids, deps.already)) {
      if (chunk.deliveries.length > 0) {
        const waitMs = pace.take(chunk.deliveries.length, deps.now());
        if (waitMs > 0) await deps.pause(waitMs);
        await deps.room(chunk.deliveries.length);
        if (deps.stopping()) break;
        if (await deps.isCancelled()) return { end: "cancelled", state: state() };
        await deps.send(chunk.deliveries);
      }
      for (const { place, offset } of chunk.candidates) positions[place] = offset + 1;
      scanned += chunk.candidates.length;
      sent += chunk.deliveries.length + chunk.alreadySent;
      if (deps.now() - savedAtMs < saveEveryMs) continue;
      savedAtMs = deps.now();
      deps.onProgress(state());
      if (!(await deps.save(state()))) return { end: "cancelled", state: state() };
    }
    if (deps.stopping()) break;
  }
  const kept = await deps.save(state());
  deps.onProgress(state());
  return { end: !kept ? "cancelled" : deps.stopping() ? "stopped" : "done", state: state() };
}

interface Chunk {
  readonly candidates: readonly Candidate[];
  readonly deliveries: readonly Delivery[];
  readonly alreadySent: number;
}

/** Cuts candidates so that no piece has more than `size` webhooks; one record's webhooks stay together. */
function* chunksOf(
  some: readonly Candidate[],
  size: number,
  ids: { isNew(id: string): boolean },
  already: ReadonlySet<string>,
): Generator<Chunk> {
  let candidates: Candidate[] = [];
  let deliveries: Delivery[] = [];
  let alreadySent = 0;
  for (const candidate of some) {
    candidates.push(candidate);
    for (const delivery of candidate.deliveries) {
      if (!ids.isNew(delivery.webhookId)) continue;
      if (already.has(delivery.webhookId)) alreadySent += 1;
      else deliveries.push(delivery);
    }
    if (deliveries.length < size) continue;
    yield { candidates, deliveries, alreadySent };
    candidates = [];
    deliveries = [];
    alreadySent = 0;
  }
  if (candidates.length > 0) yield { candidates, deliveries, alreadySent };
}
