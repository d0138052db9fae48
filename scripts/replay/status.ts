import { createClient } from "@clickhouse/client";
import type { ReplayStatus } from "./request.ts";
import type { Candidate, Candidates } from "./source.ts";

/** Which of these webhooks have a status now. ClickHouse knows within a second. */
export interface StatusLookup {
  having(status: ReplayStatus, webhookIds: readonly string[]): Promise<ReadonlySet<string>>;
  close(): Promise<void>;
}

/** Ids in one question. */
const idsMax = 1_000;

// One POST may carry several webhooks; then each of them is in `batch`.
const attempted =
  "SELECT arrayJoin(if(empty(batch), [attempts.webhook_id], batch)) AS webhook_id, outcome FROM attempts WHERE webhook_id IN {ids:Array(String)} OR hasAny(batch, {ids:Array(String)})";
const tried = `SELECT webhook_id, max(outcome = 'delivered') AS delivered FROM (${attempted}) WHERE webhook_id IN {ids:Array(String)} GROUP BY webhook_id`;
const known: Readonly<Record<Exclude<ReplayStatus, "pending">, string>> = {
  delivered: `SELECT webhook_id FROM (${tried}) WHERE delivered`,
  failed: `SELECT webhook_id FROM (${tried}) WHERE NOT delivered`,
  dead: "SELECT DISTINCT webhook_id FROM dead_deliveries WHERE webhook_id IN {ids:Array(String)}",
};

export function createStatusLookup(url: string, database: string): StatusLookup {
  const client = createClient({ url, database });
  const ask = async (query: string, ids: readonly string[]): Promise<ReadonlySet<string>> => {
    const answer = await client.query({ query, query_params: { ids }, format: "JSONEachRow" });
    const rows = await answer.json<{ webhook_id: string }>();
    return new Set(rows.map(({ webhook_id }) => webhook_id));
  };
  return {
    async having(status, webhookIds) {
      if (status !== "pending") return ask(known[status], webhookIds);
      const [triedIds, deadIds] = await Promise.all([
        ask(`SELECT webhook_id FROM (${tried})`, webhookIds),
        ask(known.dead, webhookIds),
      ]);
      return new Set(webhookIds.filter((id) => !triedIds.has(id) && !deadIds.has(id)));
    },
    close: () => client.close(),
  };
}

/** Leaves only the webhooks that have a status at this moment. */
export async function* withStatus(
  candidates: Candidates,
  status: ReplayStatus,
  lookup: StatusLookup,
): AsyncGenerator<readonly Candidate[]> {
  for await (const some of candidates) {
    const ids = some.flatMap(({ deliveries }) => deliveries.map(({ webhookId }) => webhookId));
    const having = new Set<string>();
    for (let at = 0; at < ids.length; at += idsMax) {
      for (const id of await lookup.having(status, ids.slice(at, at + idsMax))) having.add(id);
    }
    yield some.map((candidate) => ({
      ...candidate,
      deliveries: candidate.deliveries.filter(({ webhookId }) => having.has(webhookId)),
    }));
  }
}
