import type { Counts, Expected, Fates, Problem, Progress, Trace } from "./types.ts";

export interface Judgement {
  readonly counts: Counts;
  readonly problems: readonly Problem[];
}

type Fate = keyof Counts;

/**
 * What became of each webhook that must have been made: delivered, pending, dead, taken back by a reorg, or lost. Pure.
 * @param found webhooks in `deliveries`, by id.
 */
export function judge(
  expected: readonly Expected[],
  found: ReadonlyMap<string, Trace>,
  fates: Fates,
  progress: Progress,
): Judgement {
  const counts = { delivered: 0, pending: 0, dead: 0, takenBack: 0, lost: 0 };
  const problems: Problem[] = [];
  const ids = new Set(expected.map(({ webhookId }) => webhookId));
  for (const webhook of expected) {
    const verdict = verdictOf(webhook, found.get(webhook.webhookId), fates, progress);
    counts[verdict.fate] += 1;
    if (verdict.problem !== undefined) problems.push(verdict.problem);
  }
  for (const trace of found.values()) {
    if (ids.has(trace.webhookId)) continue;
    problems.push({
      code: "MATCH_UNEXPECTED",
      at: placed(trace),
      detail: `endpoint ${trace.endpointId}, sequence ${trace.sequence}`,
    });
  }
  return { counts, problems };
}

function verdictOf(
  webhook: Expected,
  trace: Trace | undefined,
  fates: Fates,
  progress: Progress,
): { readonly fate: Fate; readonly problem?: Problem } {
  const { webhookId, newWebhookId, finality, partition, offset } = webhook;
  if (fates.delivered.has(webhookId)) return { fate: "delivered" };
  if (fates.parked.has(webhookId)) return { fate: "pending" };
  if (fates.dead.has(webhookId)) return { fate: "dead" };
  if (fates.takenBack.has(newWebhookId)) return { fate: "takenBack" };
  if (trace === undefined) {
    if (offset >= progress.matcher(finality, partition)) return { fate: "pending" };
    return lost("MATCH_MISSING", webhook, `not in deliveries, though matcher.${finality} has passed its log`);
  }
  if (trace.offset >= progress.delivery(trace.partition)) return { fate: "pending" };
  const where = `deliveries:${trace.partition}@${trace.offset}`;
  if (fates.attempted.has(webhookId))
    return lost("NOT_DELIVERED", webhook, `${where}: tried, not delivered, and nothing waits`);
  // A removal is only sent to who was told of the log.
  if (webhook.kind === "removed" && !fates.attempted.has(newWebhookId)) return { fate: "takenBack" };
  return lost("NEVER_ATTEMPTED", webhook, `${where}: behind delivery's committed offset, without an attempt`);
}

function lost(code: Problem["code"], webhook: Expected, detail: string): { fate: "lost"; problem: Problem } {
  const { webhookId, endpointId, sequence, partition, offset } = webhook;
  const at = `${webhookId} for ${endpointId}, sequence ${sequence}, log at partition ${partition}@${offset}`;
  return { fate: "lost", problem: { code, at, detail } };
}

const placed = ({ webhookId, partition, offset }: Trace) =>
  `${webhookId} at deliveries:${partition}@${offset}`;
