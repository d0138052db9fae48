import { readerGroupPrefix } from "../groups.ts";
import type { Topology } from "../topics.ts";
import type { ConsumerGroup } from "../types.ts";
import type {
  GroupLag,
  GroupState,
  LagReport,
  LagSnapshot,
  PartitionLag,
  PartitionState,
  TopicLag,
} from "./types.ts";

/** Half of the retention used is an alarm: there is still as much time again to act. */
export const retentionAlarmRatio = 0.5;

export interface LagOptions {
  /** Also the groups of throw-away readers. */
  readonly includeReaders?: boolean;
}

/**
 * The lag of every group. Pure. With the snapshot before it, also rates and the time to drain.
 * Groups of the topology come first, in its order; one that does not exist at the broker is reported without members.
 */
export function computeLag(
  topology: Topology,
  snapshot: LagSnapshot,
  before?: LagSnapshot,
  options: LagOptions = {},
): LagReport {
  const shown = snapshot.groups.filter(
    ({ group }) => options.includeReaders === true || !group.startsWith(readerGroupPrefix),
  );
  const foreign = shown.filter(({ group }) => !topology.groups.some(({ id }) => id === group));
  const declared = topology.groups.map((group) => ({
    group,
    state: shown.find((state) => state.group === group.id) ?? absent(group.id),
  }));
  const context = { topology, atMs: snapshot.atMs, before };
  return {
    atMs: snapshot.atMs,
    groups: [
      ...declared.map(({ group, state }) => groupLag(state, group, context)),
      ...foreign
        .toSorted((a, b) => a.group.localeCompare(b.group))
        .map((state) => groupLag(state, undefined, context)),
    ],
  };
}

interface Context {
  readonly topology: Topology;
  readonly atMs: number;
  readonly before: LagSnapshot | undefined;
}

const absent = (group: string): GroupState => ({ group, state: "Absent", members: 0, partitions: [] });

function groupLag(state: GroupState, declared: ConsumerGroup | undefined, context: Context): GroupLag {
  const before = context.before?.groups.find(({ group }) => group === state.group);
  const names = [...new Set(state.partitions.map(({ topic }) => topic))];
  const topics = names.map((topic) =>
    topicLag(
      topic,
      state.partitions.filter((partition) => partition.topic === topic),
      before?.partitions.filter((partition) => partition.topic === topic),
      context,
    ),
  );
  const eligibleRecords = sum(topics.map((topic) => topic.eligibleRecords));
  return {
    group: state.group,
    state: state.state,
    members: state.members,
    declared: declared !== undefined,
    waitsFor: declared?.waitsFor ?? null,
    records: sum(topics.map(({ records }) => records)),
    eligibleRecords,
    seconds: Math.max(0, ...topics.map(({ seconds }) => seconds)),
    drainSeconds: drainSeconds(eligibleRecords, topics),
    topics,
    alarms: alarmsOf(state, declared, topics),
  };
}

function topicLag(
  topic: string,
  partitions: readonly PartitionState[],
  before: readonly PartitionState[] | undefined,
  { topology, atMs, before: snapshotBefore }: Context,
): TopicLag {
  const lags = partitions.map((partition) => partitionLag(partition, atMs));
  const seconds = Math.max(0, ...lags.map((lag) => lag.seconds));
  const retentionMs = topology.topics.find(({ name }) => name === topic)?.retentionMs ?? null;
  const elapsed = snapshotBefore === undefined ? 0 : (atMs - snapshotBefore.atMs) / 1_000;
  const rate = (read: (partition: PartitionState) => number): number | null =>
    before === undefined || elapsed <= 0
      ? null
      : Math.max(0, sum(partitions.map(read)) - sum(before.map(read))) / elapsed;
  return {
    topic,
    records: sum(lags.map(({ records }) => records)),
    eligibleRecords: sum(lags.map((lag) => lag.eligibleRecords)),
    seconds,
    lostRecords: sum(lags.map((lag) => lag.lostRecords)),
    retentionRatio: retentionMs === null ? null : (seconds * 1_000) / retentionMs,
    consumedPerSecond: rate(position),
    producedPerSecond: rate(({ end }) => end),
    partitions: lags,
  };
}

/** Where the group reads next. */
const position = ({ committed, start }: PartitionState): number => Math.max(committed ?? start, start);

function partitionLag(state: PartitionState, atMs: number): PartitionLag {
  const { topic, partition, committed, start, end, oldestOpenMs, eligibleEnd, member } = state;
  const open = oldestOpenMs === null ? 0 : Math.max(0, end - position(state));
  const eligible = eligibleEnd === null ? open : Math.max(0, Math.min(eligibleEnd, end) - position(state));
  return {
    topic,
    partition,
    committed,
    end,
    records: open,
    eligibleRecords: Math.min(open, eligible),
    seconds: open === 0 || oldestOpenMs === null ? 0 : Math.max(0, (atMs - oldestOpenMs) / 1_000),
    lostRecords: committed === null ? 0 : Math.max(0, start - committed),
    member,
  };
}

function drainSeconds(eligibleRecords: number, topics: readonly TopicLag[]): number | null {
  if (eligibleRecords === 0) return 0;
  const consumed = sum(topics.map(({ consumedPerSecond }) => consumedPerSecond ?? 0));
  const produced = sum(topics.map(({ producedPerSecond }) => producedPerSecond ?? 0));
  return consumed > produced ? eligibleRecords / (consumed - produced) : null;
}

function alarmsOf(
  { members }: GroupState,
  declared: ConsumerGroup | undefined,
  topics: readonly TopicLag[],
): readonly string[] {
  const alarms: string[] = [];
  if (declared !== undefined && members === 0) alarms.push("has no members");
  for (const { topic, retentionRatio, lostRecords } of topics) {
    if (lostRecords > 0) alarms.push(`${topic}: ${lostRecords} records were deleted unread`);
    if (retentionRatio !== null && retentionRatio >= retentionAlarmRatio) {
      alarms.push(`${topic}: ${Math.round(retentionRatio * 100)} % of the retention is used`);
    }
  }
  return alarms;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, value) => total + value, 0);
}
