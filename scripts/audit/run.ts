import type { Rematcher } from "@ethhook/matcher/rematch";
import { eventId, PipelineError, webhookId, type Delivery, type Finality } from "@ethhook/schemas";
import type { Session } from "../replay/session.ts";
import type { ClickHouseEvidence } from "./clickhouse-evidence.ts";
import type { Evidence } from "./evidence.ts";
import { judge, type Judgement } from "./judge.ts";
import { blockName } from "./ledger-check.ts";
import { createLogsCheck } from "./logs-check.ts";
import type { Expected, Fates, PlacedLog, Problem, Progress, Window } from "./types.ts";

/** Webhooks of one audit at most: they are held in memory. */
const expectedMax = 2_000_000;
/** Records younger than this may still be on their way into ClickHouse. */
const settledMs = 10_000;
/** What looks lost may have been on its way from one place to the next: it is looked at again after this. */
const secondLookMs = 2_000;

export interface LogsResult {
  readonly found: number;
  readonly problems: readonly Problem[];
  readonly expected: readonly Expected[];
}

/**
 * Compares the window's logs with its ledger, and computes again what must have matched.
 * @throws PipelineError `AUDIT_IMPOSSIBLE` when that is more than is held: half a judgement would call the other half wrong.
 */
export async function auditLogs(
  window: Window,
  evidence: Pick<Evidence, "logs">,
  rematcher: Pick<Rematcher, "deliveriesOf">,
  webhooksMax = expectedMax,
): Promise<LogsResult> {
  const check = createLogsCheck(window.records);
  const expected = new Map<string, Expected>();
  for await (const some of evidence.logs(window)) {
    for (const placed of some) {
      if (!window.records.has(placed.log.sequence)) continue;
      check.add(placed.log);
      for (const delivery of await rematcher.deliveriesOf(placed.log, placed.partition)) {
        if (!expected.has(delivery.webhookId)) expected.set(delivery.webhookId, expectedOf(delivery, placed));
      }
      if (expected.size > webhooksMax) tooMany(webhooksMax);
    }
  }
  return { found: check.found(), problems: check.problems(), expected: [...expected.values()] };
}

function tooMany(webhooksMax: number): never {
  const most = webhooksMax.toLocaleString("en-US");
  throw new PipelineError(
    "AUDIT_IMPOSSIBLE",
    "crash",
    `the window has more than ${most} webhooks, which is what one audit holds: take a smaller one with --from and --to`,
  );
}

function expectedOf(delivery: Delivery, { log, partition, offset }: PlacedLog): Expected {
  const { webhookId: id, endpointId, kind, finality, sequence } = delivery;
  const first = { eventId: eventId(log), sequence: log.addedSequence, endpointId, kind: "new" } as const;
  return {
    webhookId: id,
    endpointId,
    kind,
    finality,
    newWebhookId: webhookId(first),
    sequence,
    partition,
    offset,
  };
}

/** What became of the webhooks; what looks lost is looked at twice. */
export async function auditWebhooks(
  window: Window,
  expected: readonly Expected[],
  evidence: Evidence,
  session: Session,
  pause: (ms: number) => Promise<void>,
): Promise<Judgement> {
  const look = async (): Promise<Judgement> => {
    // Progress first, what is parked before the attempts: each step finds what left the one before it.
    const progress = await readProgress(window, session);
    const ids = new Set(expected.flatMap((webhook) => [webhook.webhookId, webhook.newWebhookId]));
    const traces = await evidence.traces(window);
    const [parked, takenBack] = await Promise.all([parkedOf(ids, session), takenBackOf(ids, session)]);
    const fates: Fates = { ...(await evidence.fates(window, ids)), parked, takenBack };
    return judge(expected, traces, fates, progress);
  };
  const first = await look();
  if (first.counts.lost === 0) return first;
  await pause(secondLookMs);
  return look();
}

async function readProgress({ chain }: Window, { topology, admin }: Session): Promise<Progress> {
  const topic = topology.logs.of(chain.id).name;
  const offsetsOf = async (group: string, of: string): Promise<ReadonlyMap<number, number>> => {
    const offsets = await admin.committedOffsets(group, [of]);
    return new Map(offsets.map(({ partition, offset }) => [partition, offset ?? 0]));
  };
  const finalities: readonly Finality[] = ["latest", "confirmed", "finalized"];
  const matchers = await Promise.all(finalities.map((finality) => offsetsOf(`matcher.${finality}`, topic)));
  const delivery = await offsetsOf("delivery", topology.deliveries.name);
  return {
    matcher: (finality, partition) => matchers[finalities.indexOf(finality)]?.get(partition) ?? 0,
    delivery: (partition) => delivery.get(partition) ?? 0,
  };
}

const idsPerQuery = 10_000;

async function idsOf(query: string, ids: ReadonlySet<string>, { pool }: Session): Promise<Set<string>> {
  const [all, found] = [[...ids], new Set<string>()];
  for (let at = 0; at < all.length; at += idsPerQuery) {
    const { rows } = await pool.query<{ id: string }>(query, [all.slice(at, at + idsPerQuery)]);
    for (const { id } of rows) found.add(id);
  }
  return found;
}

/** Webhooks that wait in Postgres, by themselves or in a batch. */
const parkedOf = (ids: ReadonlySet<string>, session: Session) =>
  idsOf(
    `SELECT webhook_id AS id FROM parked_deliveries WHERE webhook_id = ANY($1)
     UNION SELECT m.webhook_id FROM batch_members m JOIN parked_deliveries p ON p.webhook_id = m.batch_id
       WHERE m.webhook_id = ANY($1)`,
    ids,
    session,
  );

const takenBackOf = (ids: ReadonlySet<string>, session: Session) =>
  idsOf("SELECT webhook_id AS id FROM taken_back WHERE webhook_id = ANY($1)", ids, session);

/** Whether ClickHouse has every log of the window. Those that came a moment ago are left out. */
export async function auditClickHouse(
  { records }: Window,
  counts: Awaited<ReturnType<ClickHouseEvidence["countLogs"]>>,
  nowMs: number,
): Promise<readonly Problem[]> {
  return [...records.values()]
    .filter(
      ({ sequence, logCount, seenAtMs }) =>
        (counts.get(sequence) ?? 0) < logCount && seenAtMs < nowMs - settledMs,
    )
    .map((block) => ({
      code: "CLICKHOUSE_LOGS_MISSING",
      at: blockName(block),
      detail: `${counts.get(block.sequence) ?? 0} of ${block.logCount} logs are in ClickHouse`,
    }));
}
