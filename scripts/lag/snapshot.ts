import type {
  GroupDescription,
  GroupMember,
  KafkaAdmin,
  PartitionBounds,
  PartitionReader,
} from "@ethhook/kit";
import {
  eligibleUntilMs,
  type ConsumerGroup,
  type GroupState,
  type LagSnapshot,
  type PartitionState,
  type Topology,
} from "@ethhook/topology";
import { createLedgerTails, type LedgerTails } from "./ledger-tail.ts";

export type LagAdmin = Pick<
  KafkaAdmin,
  "listGroups" | "describeGroups" | "describeTopics" | "committedOffsets" | "bounds" | "offsetsAt"
>;

/** Reads what a broker knows of every group. One reader may take many snapshots: it remembers what cannot change. */
export interface LagReader {
  read(): Promise<LagSnapshot>;
}

/** Records are looked at this many at a time: each costs one small fetch. */
const fetchesAtOnce = 8;
/** Timestamps remembered: enough for every partition of every group, several times. */
const rememberedMax = 10_000;
/** The least that a fetch may ask for; a broker sends one whole batch even so. */
const oneBatchBytes = 1;

export function createLagReader(
  topology: Topology,
  admin: LagAdmin,
  reader: PartitionReader,
  now: () => number = Date.now,
): LagReader {
  const timestamps = new Map<string, number | null>();
  const ledgers = createLedgerTails(topology, admin, reader);

  /** Timestamp of the first record at or after an offset; null when only markers are left. */
  async function timestampAt(
    topic: string,
    partition: number,
    offset: number,
    end: number,
  ): Promise<number | null> {
    const key = `${topic}:${partition}:${offset}`;
    const known = timestamps.get(key);
    if (known !== undefined && known !== null) return known;
    let found: number | null = null;
    for await (const [first] of reader.read({ topic, partition }, offset, end, oneBatchBytes)) {
      found = first?.timestampMs ?? null;
      break;
    }
    if (timestamps.size >= rememberedMax) timestamps.clear();
    timestamps.set(key, found);
    return found;
  }

  async function read(): Promise<LagSnapshot> {
    const standing = new Set((await admin.describeTopics()).map(({ name }) => name));
    const groups = await admin.describeGroups(await admin.listGroups());
    const read = await topicsOf(groups, admin, topology, standing);
    const bounds = new Map<string, readonly PartitionBounds[]>();
    for (const topic of new Set([...read.values()].flat())) bounds.set(topic, await admin.bounds(topic));
    const eligible = await eligibleEnds(topology, admin, ledgers, standing, now());
    const states: GroupState[] = [];
    for (const group of groups) {
      const topics = read.get(group.groupId) ?? [];
      states.push(await stateOf(group, topics, { admin, topology, bounds, eligible, timestampAt }));
    }
    return { atMs: now(), groups: states };
  }

  return { read };
}

/** Topics of each group: what it committed, what it owns, and what the topology says it reads. */
async function topicsOf(
  groups: readonly GroupDescription[],
  admin: LagAdmin,
  topology: Topology,
  standing: ReadonlySet<string>,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const topics = new Map<string, readonly string[]>();
  for (const { groupId, members } of groups) {
    const committed = (await admin.committedOffsets(groupId)).map(({ topic }) => topic);
    const owned = members.flatMap(({ assignment }) => assignment.map(({ topic }) => topic));
    const declared = topology.groups.find(({ id }) => id === groupId)?.topics ?? [];
    const names = [...new Set([...declared, ...committed, ...owned])].filter((name) => standing.has(name));
    topics.set(groupId, names);
  }
  return topics;
}

interface Parts {
  readonly admin: LagAdmin;
  readonly topology: Topology;
  readonly bounds: ReadonlyMap<string, readonly PartitionBounds[]>;
  readonly eligible: EligibleEnds;
  timestampAt(topic: string, partition: number, offset: number, end: number): Promise<number | null>;
}

async function stateOf(
  group: GroupDescription,
  topics: readonly string[],
  parts: Parts,
): Promise<GroupState> {
  const offsets = topics.length === 0 ? [] : await parts.admin.committedOffsets(group.groupId, topics);
  const committed = new Map(offsets.map(({ topic, partition, offset }) => [`${topic}:${partition}`, offset]));
  const owners = new Map(
    group.members.flatMap((member) => assignmentOf(member).map((at) => [at, ownerName(member)] as const)),
  );
  const declared = parts.topology.groups.find(({ id }) => id === group.groupId);
  const jobs = topics.flatMap((topic) =>
    (parts.bounds.get(topic) ?? []).map((bound) => async (): Promise<PartitionState> => {
      const at = `${topic}:${bound.partition}`;
      const offset = committed.get(at) ?? null;
      const next = Math.max(offset ?? bound.start, bound.start);
      return {
        topic,
        ...bound,
        committed: offset,
        oldestOpenMs:
          next < bound.end ? await parts.timestampAt(topic, bound.partition, next, bound.end) : null,
        eligibleEnd: parts.eligible(declared, topic, bound.partition),
        member: owners.get(at) ?? null,
      };
    }),
  );
  const { groupId, state, members } = group;
  return { group: groupId, state, members: members.length, partitions: await inTurns(jobs, fetchesAtOnce) };
}

const assignmentOf = ({ assignment }: GroupMember): readonly string[] =>
  assignment.map(({ topic, partition }) => `${topic}:${partition}`);

/** `matcher@10.1.0.7#3f9a`: the end of its id tells it from others on the same host. */
const ownerName = ({ clientId, host, memberId }: GroupMember): string =>
  `${clientId}@${host.replace(/^\//, "")}#${memberId.slice(-4)}`;

/** Where the eligible part of a partition ends for a group; null for a group that waits for nothing. */
type EligibleEnds = (group: ConsumerGroup | undefined, topic: string, partition: number) => number | null;

async function eligibleEnds(
  topology: Topology,
  admin: LagAdmin,
  ledgers: LedgerTails,
  standing: ReadonlySet<string>,
  nowMs: number,
): Promise<EligibleEnds> {
  const ends = new Map<string, number>();
  const finalities = [...new Set(topology.groups.flatMap(({ waitsFor }) => waitsFor ?? []))];
  for (const chain of topology.chains) {
    const topic = topology.logs.of(chain.id).name;
    if (!standing.has(topic) || !standing.has(topology.blocks.name)) continue;
    const tail = await ledgers.read(chain, nowMs);
    for (const finality of finalities) {
      const until = eligibleUntilMs(tail, chain, finality);
      // The tail reaches back to the newest finality: without one, nothing that is kept is eligible.
      const offsets = until === null ? [] : await admin.offsetsAt(topic, until + 1);
      for (const { partition, offset } of offsets) ends.set(`${finality}:${topic}:${partition}`, offset);
    }
  }
  return (group, topic, partition) =>
    group?.waitsFor === undefined ? null : (ends.get(`${group.waitsFor}:${topic}:${partition}`) ?? 0);
}

/** Runs jobs with at most `limit` at a time; results in the order of the jobs. */
async function inTurns<T>(jobs: readonly (() => Promise<T>)[], limit: number): Promise<T[]> {
  const results: T[] = Array.from({ length: jobs.length });
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let job = next++; job < jobs.length; job = next++) {
      const run = jobs[job];
      if (run !== undefined) results[job] = await run();
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, jobs.length) }, worker));
  return results;
}
