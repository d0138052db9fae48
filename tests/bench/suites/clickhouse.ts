import { median } from "../frame/compare.ts";
import type { Comparison, Contender, PreparedSuite, Result, Suite, SuiteContext } from "../frame/types.ts";
import { numbersMs, openDashboards, prepareDashboard } from "../history/dashboard.ts";
import type { Fill, Filled } from "../history/fill-worker.ts";
import { loadFromTopics, settled, type Loaded } from "../history/load.ts";
import { createOldSystem, type OldSystem } from "../history/old-system.ts";
import { createReplays, type Replays } from "../history/replays.ts";
import { startStage, type Stage } from "../history/stage.ts";
import { createVisibility, type Visibility } from "../history/visibility.ts";
import { startWorker } from "../load/worker.ts";

/** The size of the system that EthHook replaces. */
const fullLogs = 4_800_000;
const userCount = 20;
const endpointsPerUser = 5;
const days = 30;
/** Webhooks with bodies: what a replay reads. */
const fullDeliveries = 200_000;
const visibleLogsPerSecond = 1_000;
const rounds = 3;
/** Users whose numbers are compared with the old system: the busiest and one in the middle. */
const comparedUsers = [0, 9];

/** Questions about the past at the old system's size, beside that system's own tables and statements in Postgres. */
export const clickhouse: Suite = {
  name: "clickhouse",
  about:
    "4.8 M logs and 7 M attempts through the topics: dashboard, disk, visibility, replay, beside the old Postgres",
  prepare,
};

async function prepare({ secondsPerRun, scale, progress }: SuiteContext): Promise<PreparedSuite> {
  await using started = new AsyncDisposableStack();
  const stage = await startStage(started, { users: userCount, endpointsPerUser });
  const filled = await fillTopics(stage, scale, progress);
  progress(`${filled.logs} logs and ${filled.attempts} attempts written in ${Math.round(filled.seconds)} s`);
  const loaded = await loadFromTopics(stage, filled, progress);
  progress(`read at ${Math.round(loaded.rowsPerSecond)} rows/s`);
  const old = started.use(
    await createOldSystem(stage.postgresUrl, (query) => exported(stage, query), progress),
  );
  const oldBytes = await old.bytes();
  await prepareDashboard(stage.users);
  const visibility = started.use(await createVisibility(stage));
  const replays = createReplays(stage);
  const stack = started.move();
  return {
    settings: settingsOf(scale, filled, loaded, oldBytes),
    contenders: contendersOf(stage, { old, visibility, replays }, filled, secondsPerRun),
    results: (measured) => results(measured, loaded, oldBytes),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function fillTopics(
  { brokers, users }: Stage,
  scale: number,
  progress: (line: string) => void,
): Promise<Filled> {
  await using worker = await startWorker(new URL("../history/fill-worker.ts", import.meta.url), { brokers });
  const request: Fill = {
    logs: Math.round(fullLogs * scale),
    endpoints: users.map(({ endpoints }) => endpoints),
    days,
    deliveries: Math.max(fullDeliveries / 4, Math.round(fullDeliveries * scale)),
  };
  progress(`writing ${request.logs} logs and their attempts into the topics`);
  return await worker.ask<Filled>(request);
}

async function exported({ clickhouseUrl }: Stage, query: string): Promise<AsyncIterable<Uint8Array>> {
  const url = `${clickhouseUrl}/?database=ethhook&default_format=TabSeparated`;
  const answer = await fetch(url, { method: "POST", body: query });
  if (!answer.ok || answer.body === null) throw new Error(`ClickHouse: ${await answer.text()}`);
  return answer.body;
}

function settingsOf(
  scale: number,
  filled: Filled,
  loaded: Loaded,
  oldBytes: number,
): PreparedSuite["settings"] {
  const perRow = (bytes: number, rows: number) => Math.round(bytes / rows);
  return {
    scale,
    logs: filled.logs,
    attempts: filled.attempts,
    users: userCount,
    endpoints: userCount * endpointsPerUser,
    days,
    jsonBytesPerLog: perRow(filled.logBytes, filled.logs),
    jsonBytesPerAttempt: perRow(filled.attemptBytes, filled.attempts),
    clickhouseBytesPerLog: Math.round(loaded.logBytesPerRow),
    clickhouseBytesPerAttempt: Math.round(loaded.attemptBytesPerRow),
    logCompressionOverJson: loaded.logCompression.toFixed(1),
    attemptCompressionOverJson: loaded.attemptCompression.toFixed(1),
    clickhouseMegabytes: Math.round(loaded.bytes / 1e6),
    postgresMegabytes: Math.round(oldBytes / 1e6),
    visibleLogsPerSecond,
  };
}

function contendersOf(
  { db, users, processes }: Stage,
  { old, visibility, replays }: { old: OldSystem; visibility: Visibility; replays: Replays },
  filled: Filled,
  seconds: number,
): Contender[] {
  const compared = users.filter((_, index) => comparedUsers.includes(index));
  const { clickhouse: server, api, kafka, postgres } = processes;
  const pids = (names: Record<string, number | undefined>) =>
    Object.fromEntries(
      Object.entries(names).filter((entry): entry is [string, number] => entry[1] !== undefined),
    );
  return [
    {
      name: "dashboard",
      processes: pids({ clickhouse: server, api }),
      async run() {
        // What the warm-up replayed stands twice for a while, and its hours are computed anew: that is another figure.
        await settled(db);
        return openDashboards(users, rounds);
      },
    },
    {
      name: "numbers of two users",
      processes: pids({ clickhouse: server, api }),
      run: async () => ({ ms: await sumOf(compared, numbersMs) }),
    },
    {
      name: "numbers of two users, old system",
      processes: pids({ postgres }),
      run: async () => ({ ms: await sumOf(compared, ({ id }) => old.dashboardMs(id)) }),
    },
    {
      name: "visibility",
      processes: pids({ clickhouse: server, kafka }),
      run: () => visibility.run(visibleLogsPerSecond, seconds),
    },
    {
      name: "replay",
      processes: pids({ kafka, clickhouse: server, postgres }),
      run: () => replays.run(filled.deliveries),
    },
  ];
}

async function sumOf<T>(items: readonly T[], measure: (item: T) => Promise<number>): Promise<number> {
  let sum = 0;
  for (const item of items) sum += await measure(item);
  return sum;
}

function results(measured: Comparison, loaded: Loaded, oldBytes: number): readonly Result[] {
  const numbers = median(measured, "numbers of two users", "ms");
  const oldNumbers = median(measured, "numbers of two users, old system", "ms");
  return [
    {
      name: "clickhouse.dashboard_p95_ms",
      value: median(measured, "dashboard", "slowestPageP95Ms"),
      unit: "ms",
      goal: "<= 50, the slowest page",
    },
    { name: "clickhouse.ratio_to_postgres", value: oldNumbers / numbers, unit: "ratio", goal: ">= 100" },
    {
      name: "clickhouse.disk_ratio_to_postgres",
      value: loaded.bytes / oldBytes,
      unit: "ratio",
      goal: "<= 0.1",
    },
    {
      name: "clickhouse.visible_p99_ms",
      value: median(measured, "visibility", "p99Ms"),
      unit: "ms",
      goal: "<= 1000",
    },
    { name: "clickhouse.visible_p50_ms", value: median(measured, "visibility", "p50Ms"), unit: "ms" },
    { name: "clickhouse.rows_per_second", value: loaded.rowsPerSecond, unit: "rows/s" },
    {
      name: "clickhouse.replay_records_per_second",
      value: median(measured, "replay", "recordsPerSecond"),
      unit: "records/s",
      goal: ">= 20000",
    },
  ];
}
