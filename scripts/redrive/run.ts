import type { Delivery } from "@ethhook/schemas";
import { chunkSize, createPace } from "../replay/pace.ts";
import { letterKey, type RedriveGuard } from "./guard.ts";
import type { DeadLetter } from "./letters.ts";

/** What came of the dead letters that were read. */
export interface RedriveCounts {
  read: number;
  /** Webhooks brought back (in a dry run: that would be), by endpoint. */
  readonly sent: Map<string, number>;
  /** Brought back before. */
  done: number;
  /** Brought back so often that they stay. */
  loop: number;
}

export interface RedriveDeps {
  readonly guard: Pick<RedriveGuard, "held" | "mark">;
  /** Resolves once the broker holds them. */
  send(deliveries: readonly Delivery[]): Promise<void>;
  now(): number;
  pause(ms: number): Promise<void>;
  stopping(): boolean;
}

/**
 * Brings dead letters back at a rate. A letter is marked after it was sent: a crash between may send it once more, with the
 * same id. A webhook that died several times is sent once.
 */
export async function runRedrive(
  letters: AsyncIterable<readonly DeadLetter[]>,
  ratePerSecond: number | null,
  deps: RedriveDeps,
): Promise<RedriveCounts> {
  const counts: RedriveCounts = { read: 0, sent: new Map(), done: 0, loop: 0 };
  const pace = createPace(ratePerSecond, deps.now());
  const size = chunkSize(ratePerSecond);
  const seen = new Set<string>();
  for await (const some of letters) {
    for (let at = 0; at < some.length && !deps.stopping(); at += size) {
      const chunk = some.slice(at, at + size);
      const free = await withoutHeld(chunk, deps.guard, counts);
      const once = free
        .flatMap(({ deliveries }) => deliveries)
        .filter(({ webhookId }) => !seen.has(webhookId));
      const unique = [...new Map(once.map((delivery) => [delivery.webhookId, delivery])).values()];
      for (const { webhookId } of unique) seen.add(webhookId);
      if (unique.length > 0) await deps.pause(pace.take(unique.length, deps.now()));
      if (deps.stopping()) break;
      await deps.send(unique);
      await deps.guard.mark(free);
      counts.read += chunk.length;
      for (const { endpointId } of unique)
        counts.sent.set(endpointId, (counts.sent.get(endpointId) ?? 0) + 1);
    }
    if (deps.stopping()) break;
  }
  return counts;
}

/** Letters with only the webhooks that may go. */
async function withoutHeld(
  letters: readonly DeadLetter[],
  guard: Pick<RedriveGuard, "held">,
  counts: RedriveCounts,
): Promise<readonly DeadLetter[]> {
  const held = await guard.held(letters);
  for (const why of held.values()) counts[why] += 1;
  return letters
    .map((letter) => ({
      ...letter,
      deliveries: letter.deliveries.filter(({ webhookId }) => !held.has(letterKey(letter, webhookId))),
    }))
    .filter(({ deliveries }) => deliveries.length > 0);
}
