import type { StatisticsQuery } from "@ethhook/schemas/api";
import type { HourStatistics, Percentiles, StatisticsStore } from "../core/ports.ts";
import type { ClickHouse } from "./clickhouse-client.ts";
import { instantText } from "./clickhouse-text.ts";

interface AttemptRow {
  readonly isTotal: 0 | 1;
  readonly hourText: string;
  readonly attempts: number;
  readonly delivered: number;
  /** Buckets of the histogram that hold the median, the 95th and the 99th percentile; of an empty one they mean nothing. */
  readonly buckets: readonly [number, number, number];
  readonly measured: number;
}

interface WebhookRow {
  readonly isTotal: 0 | 1;
  readonly hourText: string;
  readonly webhooks: number;
  readonly removals: number;
}

/** Where hours of one kind are: as a refresh computed them, as the rows say, and which of them changed since they were computed. */
interface Kind {
  readonly computed: string;
  readonly fromRows: string;
  readonly open: string;
  readonly columns: string;
}

const attemptHours: Kind = {
  computed: "attempt_stats",
  fromRows: "hourly_attempts",
  open: "open_attempt_hours",
  columns: "hour, attempts, delivered, e2e_ms_histogram",
};
const webhookHours: Kind = {
  computed: "webhook_stats",
  fromRows: "hourly_webhooks",
  open: "open_webhook_hours",
  columns: "hour, webhooks, removals",
};

/**
 * Hours as ClickHouse keeps them: exact, also after a record was read twice. Their percentiles are worked out there, too.
 * As the views `user_attempts` and `user_webhooks` do it, but the open hours are asked for first: a statement that has
 * only the parts that it needs is planned in a third of the time, and planning is most of it.
 */
export function createClickHouseStatistics(db: ClickHouse): StatisticsStore {
  async function hoursOf<T>(
    kind: Kind,
    select: string,
    query: StatisticsQuery,
    params: Readonly<Record<string, unknown>>,
  ): Promise<T[]> {
    const openRows = await db.rows<{ at: number }>(
      `SELECT toUnixTimestamp(hour) AS at FROM ${kind.open} WHERE ${ofUser} AND ${inPeriod}`,
      params,
    );
    const open = openRows.map(({ at }) => at);
    const where = `${ofUser} AND ${chosen(query)}`;
    const computed = `FROM ${kind.computed} FINAL WHERE ${where} AND ${inPeriod}`;
    if (open.length === 0) return db.rows<T>(`SELECT ${select} ${computed} ${eachHour}`, params);
    const parts = [
      `SELECT ${kind.columns} ${computed} AND NOT ${isOpen}`,
      `SELECT ${kind.columns} FROM ${kind.fromRows} WHERE ${where} AND ${fromFirstToLast} AND ${isOpen}`,
    ];
    const bounds = { first: Math.min(...open), last: Math.max(...open) };
    return db.rows<T>(`SELECT ${select} FROM (${parts.join(" UNION ALL ")}) ${eachHour}`, {
      ...params,
      ...bounds,
      open,
    });
  }

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
        hoursOf<AttemptRow>(attemptHours, attemptFigures, query, params),
        hoursOf<WebhookRow>(webhookHours, webhookFigures, query, params),
      ]);
      const total = attempts.find(({ isTotal }) => isTotal === 1);
      return {
        hours: joinHours(attempts.filter(isHour), webhooks.filter(isHour)),
        latencyMs: total === undefined ? null : percentilesOf(total),
      };
    },
  };
}

const eachHour = "GROUP BY hour WITH ROLLUP";
const ofUser = "user_id = {userId:String}";
const inPeriod = "hour >= fromUnixTimestamp({since:Int64}) AND hour < fromUnixTimestamp({until:Int64})";
const isOpen = "has({open:Array(UInt32)}, toUnixTimestamp(hour))";
/** Bounds what is read of the rows. */
const fromFirstToLast =
  "hour >= fromUnixTimestamp({first:Int64}) AND hour <= fromUnixTimestamp({last:Int64})";

const hourFigures = `grouping(hour) AS isTotal, ${instantText("hour")} AS hourText`;
const attemptFigures = `${hourFigures}, toUInt32(sum(attempts)) AS attempts, toUInt32(sum(delivered)) AS delivered,
  quantilesExactWeightedArray(0.5, 0.95, 0.99)(mapKeys(e2e_ms_histogram), mapValues(e2e_ms_histogram)) AS buckets,
  toUInt32(sum(arraySum(mapValues(e2e_ms_histogram)))) AS measured`;
const webhookFigures = `${hourFigures}, toUInt32(sum(webhooks)) AS webhooks, toUInt32(sum(removals)) AS removals`;

const isHour = ({ isTotal }: { readonly isTotal: 0 | 1 }): boolean => isTotal === 0;

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
      latencyMs: attempt === undefined ? null : percentilesOf(attempt),
    };
  });
}

const firstBucketMs = 0.1;
const growth = 1.1;

/** Bucket k holds values near 0.1 ms * 1.1^k. @returns milliseconds to two digits. */
function percentilesOf({ buckets, measured }: AttemptRow): Percentiles | null {
  if (measured === 0) return null;
  const [p50, p95, p99] = buckets;
  const ms = (bucket: number): number => Math.round(firstBucketMs * growth ** bucket * 100) / 100;
  return { p50: ms(p50), p95: ms(p95), p99: ms(p99) };
}
