import { createClient } from "@clickhouse/client";
import type { Chain } from "@ethhook/topology";
import { logColumns, toLog, type LogRow } from "../replay/clickhouse-logs.ts";
import type { Session } from "../replay/session.ts";
import type { Evidence } from "./evidence.ts";
import type { Trace, Window } from "./types.ts";

const sequencesPerPage = 200;
const idsPerQuestion = 1_000;

type Params = Readonly<Record<string, number | readonly string[]>>;

export interface ClickHouseEvidence extends Evidence {
  /** Logs of each ledger sequence of a window, each counted once. */
  countLogs(window: Window): Promise<ReadonlyMap<number, number>>;
}

/** Asks ClickHouse, which holds logs for 90 days and webhooks and attempts for 30. */
export function createClickHouseEvidence({ config }: Session): ClickHouseEvidence {
  const client = createClient({ url: config.CLICKHOUSE_URL, database: config.CLICKHOUSE_DATABASE });
  async function ask<T>(query: string, params: Params): Promise<T[]> {
    const answer = await client.query({ query, query_params: { ...params }, format: "JSONEachRow" });
    return answer.json<T>();
  }
  const inChain = (chain: Chain, [first, last]: readonly [number, number]) => ({
    chain: chain.id,
    first,
    last,
  });
  const range = "chain_id = {chain:UInt64} AND sequence >= {first:UInt64} AND sequence <= {last:UInt64}";

  async function idsOf(query: string, ids: readonly string[]): Promise<Set<string>> {
    const found = new Set<string>();
    for (let at = 0; at < ids.length; at += idsPerQuestion) {
      const rows = await ask<{ id: string }>(query, { ids: ids.slice(at, at + idsPerQuestion) });
      for (const { id } of rows) found.add(id);
    }
    return found;
  }

  return {
    name: "clickhouse",
    async *logs({ chain, records }) {
      for (const page of pages([...records.keys()])) {
        const rows = await ask<LogRow>(
          `SELECT ${logColumns} FROM logs FINAL WHERE ${range} ORDER BY sequence, log_index`,
          inChain(chain, page),
        );
        yield rows.map((row) => toLog(chain.id, row));
      }
    },
    async traces({ chain, records }) {
      const found = new Map<string, Trace>();
      for (const page of pages([...records.keys()])) {
        const rows = await ask<Trace>(
          `SELECT webhook_id AS webhookId, endpoint_id AS endpointId, sequence, _partition AS partition, _offset AS offset
           FROM deliveries FINAL WHERE ${range} AND origin = 'match' AND empty(batch)`,
          inChain(chain, page),
        );
        for (const trace of rows) if (records.has(trace.sequence)) found.set(trace.webhookId, trace);
      }
      return found;
    },
    async fates(_, ids) {
      const wanted = [...ids];
      const attempts = (condition: string) =>
        `SELECT DISTINCT arrayJoin(if(empty(batch), [webhook_id], batch)) AS id FROM attempts
         WHERE (webhook_id IN {ids:Array(String)} OR hasAny(batch, {ids:Array(String)})) AND ${condition}`;
      return {
        attempted: await idsOf(attempts("1"), wanted),
        delivered: await idsOf(attempts("outcome = 'delivered'"), wanted),
        dead: await idsOf(
          "SELECT DISTINCT webhook_id AS id FROM dead_deliveries WHERE webhook_id IN {ids:Array(String)}",
          wanted,
        ),
      };
    },
    async countLogs({ chain, records }) {
      const counts = new Map<number, number>();
      for (const page of pages([...records.keys()])) {
        const rows = await ask<{ sequence: number; found: number }>(
          `SELECT sequence, uniqExact(log_index) AS found FROM logs WHERE ${range} GROUP BY sequence`,
          inChain(chain, page),
        );
        for (const { sequence, found } of rows) counts.set(Number(sequence), Number(found));
      }
      return counts;
    },
    close: () => client.close(),
  };
}

/** Ranges of sequences, both ends included, that cover what is asked for. */
function* pages(sequences: readonly number[]): Generator<readonly [number, number]> {
  const ascending = sequences.toSorted((a, b) => a - b);
  for (let at = 0; at < ascending.length; at += sequencesPerPage) {
    const some = ascending.slice(at, at + sequencesPerPage);
    yield [some[0] ?? 0, some.at(-1) ?? 0];
  }
}
