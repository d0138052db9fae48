import { createClient } from "@clickhouse/client";
import type { Log } from "@ethhook/schemas";

/** A log and where its record stood in its topic. */
export interface PastLog {
  readonly log: Log;
  readonly partition: number;
  readonly offset: number;
}

/** Logs of one chain that ClickHouse still has and that no reorg took back, by ledger sequence. */
export interface PastLogs {
  /** Every log of the sequences after `after` up to `upTo`, whole sequences together, ascending. */
  read(after: number, upTo: number): AsyncIterable<readonly PastLog[]>;
  /** The first sequence at or after a time or block; null when there is none. */
  firstSequence(from: { readonly block?: number; readonly ms?: number }): Promise<number | null>;
  close(): Promise<void>;
}

/** Sequences asked for at once: some ten thousand logs of a busy chain. */
const sequencesPerPage = 200;

/** A row as `logColumns` names it. */
export interface LogRow {
  readonly blockNumber: number;
  readonly blockHash: string;
  readonly blockTimestamp: number;
  readonly transactionHash: string;
  readonly transactionIndex: number;
  readonly logIndex: number;
  readonly contract: string;
  readonly topics: readonly string[];
  readonly bytes: string;
  readonly sequence: number;
  readonly addedSequence: number;
  readonly kind: Log["kind"];
  readonly proof: Log["proof"];
  readonly seenAtMs: number;
  readonly partition: number;
  readonly offset: number;
}

const hex = (column: string) => `concat('0x', lower(hex(${column})))`;
/** Everything of a log, bytes as lower-case hex. */
export const logColumns = `block_number AS blockNumber, ${hex("block_hash")} AS blockHash, toUnixTimestamp(block_time) AS blockTimestamp,
  ${hex("transaction_hash")} AS transactionHash, transaction_index AS transactionIndex, log_index AS logIndex,
  ${hex("address")} AS contract,
  arrayMap(t -> ${hex("t")}, arraySlice([topic0, topic1, topic2, topic3], 1, topic_count)) AS topics,
  ${hex("data")} AS bytes, sequence, added_sequence AS addedSequence, kind, proof, toUnixTimestamp64Milli(seen_at) AS seenAtMs, _partition AS partition, _offset AS offset`;

export function createPastLogs(url: string, database: string, chainId: number): PastLogs {
  const client = createClient({ url, database });
  async function ask<T>(query: string, params: Readonly<Record<string, number>>): Promise<T[]> {
    const answer = await client.query({
      query,
      query_params: { chain: chainId, ...params },
      format: "JSONEachRow",
    });
    return answer.json<T>();
  }
  return {
    async *read(after, upTo) {
      for (let from = after; from < upTo; from += sequencesPerPage) {
        const rows = await ask<LogRow>(
          `SELECT ${logColumns} FROM canonical_logs
           WHERE chain_id = {chain:UInt64} AND sequence > {from:UInt64} AND sequence <= {to:UInt64}
           ORDER BY sequence, log_index`,
          { from, to: Math.min(upTo, from + sequencesPerPage) },
        );
        for (const some of bySequence(rows)) yield some.map((row) => toLog(chainId, row));
      }
    },
    async firstSequence({ block, ms }) {
      const condition =
        block === undefined ? "time >= fromUnixTimestamp(toInt64({at:UInt64}))" : "number >= {at:UInt64}";
      const [row] = await ask<{ sequence: number; found: number }>(
        `SELECT min(sequence) AS sequence, count() AS found FROM blocks
         WHERE chain_id = {chain:UInt64} AND kind = 'added' AND ${condition}`,
        { at: block ?? Math.floor((ms ?? 0) / 1_000) },
      );
      return row === undefined || Number(row.found) === 0 ? null : Number(row.sequence);
    },
    close: () => client.close(),
  };
}

function* bySequence(rows: readonly LogRow[]): Generator<readonly LogRow[]> {
  let some: LogRow[] = [];
  for (const row of rows) {
    if (some.length > 0 && some[0]?.sequence !== row.sequence) {
      yield some;
      some = [];
    }
    some.push(row);
  }
  if (some.length > 0) yield some;
}

export function toLog(chainId: number, row: LogRow): PastLog {
  const { partition, offset, topics, contract, bytes, ...fields } = row;
  return {
    log: { v: 1, chainId, ...fields, address: contract, topics: [...topics], data: bytes },
    partition,
    offset,
  };
}
