import type { StatisticsQuery } from "@ethhook/schemas/api";
import type { HourStatistics, Percentiles, StatisticsStore } from "../core/ports.ts";
import type { ClickHouse } from "./clickhouse-client.ts";
import { instant } from "./clickhouse-text.ts";

/** Figures of one hour, or of all of them. */
interface Hour {
  readonly isTotal: 0 | 1;
  readonly hourText: string;
  readonly computedAtMs: number;
}

interface AttemptRow extends Hour {
  readonly attempts: number;
  readonly delivered: number;
  /** Buckets of the histogram that hold the median, the 95th and the 99th percentile; of an empty one they mean nothing. */
  readonly buckets: readonly [number, number, number];
  readonly measured: number;
}

interface WebhookRow extends Hour {
  readonly webhooks: number;
  readonly removals: number;
}

/** Where hours of one kind are: as a refresh computed them, as the rows say, and when each was touched and computed. */
interface Kind {
  readonly computed: string;
  readonly fromRows: string;
  /** The same of hours whose rows may have expired in part: together with what was computed before. */
  readonly known: string;
  readonly hours: string;
  readonly columns: string;
  readonly figures: string;
}

/** An hour that the table of computed ones cannot be trusted with yet, or could not be a moment ago. */
interface RecentHour {
  readonly hourText: string;
  readonly isOpen: 0 | 1;
  /** Rows of it may have expired. */
  readonly isOld: 0 | 1;
  readonly computedAtMs: number;
}

type OpenHour = Pick<RecentHour, "hourText" | "isOld">;

/**
 * An hour computed in these may have been read before that by a statement of the same moment. Its time lies 30 s back; the rest
 * is what a refresh takes at most, and a statement.
 */
const recentSeconds = 75;
/** Users whose open hours are remembered. */
const rememberedMax = 10_000;

/**
 * Hours as ClickHouse keeps them: exact, also after a record was read twice. Their percentiles are worked out there, too.
 * As the views `user_attempts` and `user_webhooks` do it, with a statement that has only the parts that it needs: planning is most of the
 * time. Which parts these are depends on the hours that are open, and to ask for them first would take as long again. So both
 * are asked at once, with the hours that were open the last time; if others are, the figures are asked for again.
 */
export function createClickHouseStatistics(db: ClickHouse): StatisticsStore {
  const openBefore = new Map<string, readonly OpenHour[]>();

  async function hoursOf<T extends Hour>(kind: Kind, query: StatisticsQuery, params: Params): Promise<T[]> {
    const user = `${kind.hours} ${params.userId}`;
    const guessed = (openBefore.get(user) ?? []).filter(({ hourText }) => isWithin(hourText, params));
    const [recent, rows] = await Promise.all([
      db.rows<RecentHour>(recentHours(kind), params),
      figures<T>(kind, query, params, guessed),
    ]);
    const open = recent.filter(({ isOpen }) => isOpen === 1);
    if (openBefore.size >= rememberedMax) openBefore.clear();
    openBefore.set(user, open);
    const isSame = keyOf(open) === keyOf(guessed);
    return isSame && !isOutdated(rows, recent) ? rows : figures<T>(kind, query, params, open);
  }

  function figures<T>(
    kind: Kind,
    query: StatisticsQuery,
    params: Params,
    openHours: readonly OpenHour[],
  ): Promise<T[]> {
    const where = `${ofUser}${chosen(query)}`;
    const computed = `FROM ${kind.computed} FINAL WHERE ${where} AND ${rowsOf(query)} AND ${inPeriod}`;
    const open = openHours.map(({ hourText }) => Date.parse(hourText) / 1_000);
    if (open.length === 0) return db.rows<T>(`SELECT ${kind.figures} ${computed} ${eachHour}`, params);
    const source = openHours.some(({ isOld }) => isOld === 1) ? kind.known : kind.fromRows;
    const parts = [
      `SELECT ${kind.columns}, computed_at ${computed} AND NOT ${isOpen}`,
      `SELECT ${kind.columns}, now64(3) AS computed_at FROM ${source} WHERE ${where} AND ${fromFirstToLast} AND ${isOpen}`,
    ];
    const bounds = { first: Math.min(...open), last: Math.max(...open), open };
    const both = `SELECT ${kind.figures} FROM (${parts.join(" UNION ALL ")}) ${eachHour}`;
    return db.rows<T>(both, { ...params, ...bounds });
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
        hoursOf<AttemptRow>(attemptHours, query, params),
        hoursOf<WebhookRow>(webhookHours, query, params),
      ]);
      const total = attempts.find(({ isTotal }) => isTotal === 1);
      return {
        hours: joinHours(attempts.filter(isHour), webhooks.filter(isHour)),
        latencyMs: total === undefined ? null : percentilesOf(total),
      };
    },
  };
}

/** Parameters of every statement; the period in Unix seconds. */
interface Params extends Readonly<Record<string, unknown>> {
  readonly userId: string;
  readonly since: number;
  readonly until: number;
}

function isWithin(hour: string, { since, until }: Params): boolean {
  const at = Date.parse(hour) / 1_000;
  return at >= since && at < until;
}

const keyOf = (hours: readonly OpenHour[]): string =>
  hours
    .map(({ hourText, isOld }) => `${hourText} ${isOld}`)
    .toSorted()
    .join();

/** Whether an hour was computed anew after its figures were read: they are then what it was before. */
function isOutdated(rows: readonly Hour[], recent: readonly RecentHour[]): boolean {
  const computedAt = new Map(
    rows.filter(isHour).map(({ hourText, computedAtMs }) => [hourText, computedAtMs]),
  );
  return recent.some(
    ({ hourText, isOpen, computedAtMs }) => isOpen === 0 && computedAtMs > (computedAt.get(hourText) ?? 0),
  );
}

/** Four statements at once have the cores between them: a second thread for each would only be in the way. */
const oneThread = "SETTINGS max_threads = 1";
const eachHour = `GROUP BY hour WITH ROLLUP ${oneThread}`;
const ofUser = "user_id = {userId:String}";
const inPeriod = "hour >= fromUnixTimestamp({since:Int64}) AND hour < fromUnixTimestamp({until:Int64})";
const isOpen = "has({open:Array(UInt32)}, toUnixTimestamp(hour))";
/** Bounds what is read of the rows. */
const fromFirstToLast =
  "hour >= fromUnixTimestamp({first:Int64}) AND hour <= fromUnixTimestamp({last:Int64})";

function recentHours({ hours }: Kind): string {
  return `SELECT ${instant("hour")} AS hourText, max(touched_at) > max(computed_at) AS isOpen,
      hour < now() - INTERVAL 1 DAY AS isOld, toUnixTimestamp64Milli(max(computed_at)) AS computedAtMs
    FROM ${hours} WHERE ${ofUser} AND ${inPeriod} GROUP BY hour
    HAVING isOpen OR max(computed_at) > now64(3) - ${recentSeconds} ${oneThread}`;
}

const hourFigures = `grouping(hour) AS isTotal, ${instant("hour")} AS hourText,
  toUnixTimestamp64Milli(max(computed_at)) AS computedAtMs`;
const attemptFigures = `${hourFigures}, sum(attempts) AS attempts, sum(delivered) AS delivered,
  quantilesExactWeightedArray(0.5, 0.95, 0.99)(mapKeys(e2e_ms_histogram), mapValues(e2e_ms_histogram)) AS buckets,
  sum(arraySum(mapValues(e2e_ms_histogram))) AS measured`;
const webhookFigures = `${hourFigures}, sum(webhooks) AS webhooks, sum(removals) AS removals`;

const attemptHours: Kind = {
  computed: "attempt_statistics",
  fromRows: "hourly_attempts",
  known: "hourly_attempts",
  hours: "attempt_hours",
  columns: "hour, attempts, delivered, e2e_ms_histogram",
  figures: attemptFigures,
};
const webhookHours: Kind = {
  computed: "webhook_statistics",
  fromRows: "hourly_webhooks",
  known: "known_webhooks",
  hours: "webhook_hours",
  columns: "hour, webhooks, removals",
  figures: webhookFigures,
};

const isHour = ({ isTotal }: Hour): boolean => isTotal === 0;

function chosen({ endpointId, chainId }: StatisticsQuery): string {
  return [
    ...(endpointId === undefined ? [] : [" AND endpoint_id = {endpointId:String}"]),
    ...(chainId === undefined ? [] : [" AND chain_id = {chainId:UInt64}"]),
  ].join("");
}

/** Rows without an endpoint are all of the user's together. */
function rowsOf({ endpointId, chainId }: StatisticsQuery): string {
  return endpointId === undefined && chainId === undefined ? "endpoint_id = ''" : "endpoint_id != ''";
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
