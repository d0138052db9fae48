import type { LogHistory, PastLog } from "../core/ports.ts";
import type { ClickHouse } from "./clickhouse-client.ts";
import { hexText, instant } from "./clickhouse-text.ts";

const columns = `
  chain_id AS chainId, block_number AS blockNumber, ${instant("block_time")} AS blockTime,
  ${hexText("transaction_hash")} AS transactionHash, log_index AS logIndex, ${hexText("address")} AS addressText,
  arraySlice([${[0, 1, 2, 3].map((n) => hexText(`topic${n}`)).join(", ")}], 1, topic_count) AS topics,
  ${hexText("data")} AS dataText`;

type Row = Omit<PastLog, "address" | "data"> & { readonly addressText: string; readonly dataText: string };

/** Logs that still stand (a reorg's removals taken out). */
export function createClickHouseLogs(db: ClickHouse): LogHistory {
  const read = async (where: string, order: string, params: Record<string, unknown>): Promise<PastLog[]> => {
    const rows = await db.rows<Row>(`SELECT ${columns} FROM canonical_logs WHERE ${where} ${order}`, params);
    return rows.map(({ addressText, dataText, ...log }) => ({
      ...log,
      address: addressText,
      data: dataText,
    }));
  };

  return {
    candidates({ filter, topic0s }, { sinceMs, untilMs }, limit) {
      const { chains, addresses } = filter;
      const inline = addresses?.kind === "inline" ? addresses.addresses : null;
      const conditions = [
        "block_time >= fromUnixTimestamp({since:Int64}) AND block_time < fromUnixTimestamp({until:Int64})",
        ...(chains === null ? [] : ["chain_id IN {chains:Array(UInt64)}"]),
        ...(inline === null ? [] : ["address IN arrayMap(x -> unhex(x), {addresses:Array(String)})"]),
        ...(topic0s === null ? [] : ["topic0 IN arrayMap(x -> unhex(x), {topic0s:Array(String)})"]),
      ];
      return read(conditions.join(" AND "), "ORDER BY block_time DESC, log_index DESC LIMIT {limit:UInt32}", {
        since: Math.floor(sinceMs / 1_000),
        until: Math.ceil(untilMs / 1_000),
        limit,
        ...(chains === null ? {} : { chains }),
        ...(inline === null ? {} : { addresses: inline.map(withoutPrefix) }),
        ...(topic0s === null ? {} : { topic0s: topic0s.map(withoutPrefix) }),
      });
    },
    ofTransaction: (chainId, transactionHash) =>
      read("chain_id = {chainId:UInt64} AND transaction_hash = unhex({hash:String})", "ORDER BY log_index", {
        chainId,
        hash: withoutPrefix(transactionHash),
      }),
  };
}

function withoutPrefix(text: string): string {
  return text.slice(2);
}
