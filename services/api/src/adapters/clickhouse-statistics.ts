import type { StatisticsQuery } from "@ethhook/schemas/api";
import type { HourStatistics, StatisticsStore } from "../core/ports.ts";
import type { ClickHouse } from "./clickhouse-client.ts";
import { instantText } from "./clickhouse-text.ts";

interface AttemptRow {
  readonly hourText: string;
  readonly attempts: number;
  readonly delivered: number;
  readonly latencies: Readonly<Record<string, number>>;
}

interface WebhookRow {
  readonly hourText: string;
  readonly webhooks: number;
  readonly removals: number;
}

/** Hours as ClickHouse keeps them: exact, also after a record was read twice. */
export function createClickHouseStatistics(db: ClickHouse): StatisticsStore {
  return {
    async byHour(userId, query, { sinceMs, untilMs }) {
      const params = {
        userId,
        since: Math.floor(sinceMs / 1_000),
        until: Math.floor(untilMs / 1_000),
        endpointId: query.endpointId ?? "",
        chainId: query.chainId ?? 0,
      };
      const [attempts, webhooks] = await Promise.all([
        db.rows<AttemptRow>(
          `SELECT ${instantText("hour")} AS hourText, toUInt32(sum(attempts)) AS attempts,
                  toUInt32(sum(delivered)) AS delivered,
                  mapApply((k, v) -> (toString(k), toUInt32(v)), sumMap(e2e_ms_histogram)) AS latencies
           FROM user_attempts(${ofUser}) WHERE ${chosen(query)} GROUP BY hour`,
          params,
        ),
        db.rows<WebhookRow>(
          `SELECT ${instantText("hour")} AS hourText, toUInt32(sum(webhooks)) AS webhooks,
                  toUInt32(sum(removals)) AS removals
           FROM user_webhooks(${ofUser}) WHERE ${chosen(query)} GROUP BY hour`,
          params,
        ),
      ]);
      return joinHours(attempts, webhooks);
    },
  };
}

const ofUser =
  "user_id = {userId:String}, since = fromUnixTimestamp({since:Int64}), until = fromUnixTimestamp({until:Int64})";

function chosen({ endpointId, chainId }: StatisticsQuery): string {
  return [
    "1",
    ...(endpointId === undefined ? [] : ["endpoint_id = {endpointId:String}"]),
    ...(chainId === undefined ? [] : ["chain_id = {chainId:UInt64}"]),
  ].join(" AND ");
}

/** Hours of either kind, oldest first; what did not happen is 0. */
function joinHours(attempts: readonly AttemptRow[], webhooks: readonly WebhookRow[]): HourStatistics[] {
  const attemptsAt = new Map(attempts.map((row) => [row.hourText, row]));
  const webhooksAt = new Map(webhooks.map((row) => [row.hourText, row]));
  const hours = [...new Set([...attemptsAt.keys(), ...webhooksAt.keys()])].toSorted();
  return hours.map((hour) => {
    const attempt = attemptsAt.get(hour);
    const webhook = webhooksAt.get(hour);
    return {
      hour,
      webhooks: webhook?.webhooks ?? 0,
      removals: webhook?.removals ?? 0,
      attempts: attempt?.attempts ?? 0,
      delivered: attempt?.delivered ?? 0,
      latencies: new Map(Object.entries(attempt?.latencies ?? {}).map(([k, count]) => [Number(k), count])),
    };
  });
}
