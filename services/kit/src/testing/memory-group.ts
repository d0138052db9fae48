import { coPartitioned, spread, type TopicAssignment } from "../kafka/assignment.ts";
import { partitionKey } from "../kafka/offset-tracker.ts";
import type { TopicPartition } from "../kafka/types.ts";
import type { MemoryLog } from "./memory-log.ts";

/** What a group asks of its members. */
export interface MemoryMember {
  readonly id: string;
  readonly topics: readonly string[];
  readonly assignment: "spread" | "co-partitioned";
  /** Drain and commit; resolves when the member is ready to be assigned anew. */
  revoke(): Promise<void>;
  assign(partitions: readonly TopicPartition[], generation: number): Promise<void>;
}

/** A consumer group's coordinator: eager rebalances, one after the other, and committed offsets fenced by generation. */
export interface MemoryGroup {
  /** Resolves when the member has its first assignment. */
  join(member: MemoryMember): Promise<void>;
  /** The member has drained by itself. Resolves when the others have its partitions. */
  leave(member: MemoryMember): Promise<void>;
  /** The member died: the others get its partitions, and it is asked nothing. */
  drop(member: MemoryMember): void;
  /** @returns false when the member is not of this generation any more; nothing is committed then. */
  commit(
    member: MemoryMember,
    generation: number,
    offsets: readonly (TopicPartition & { offset: number })[],
  ): boolean;
  committed(at: TopicPartition): number | undefined;
  /** For tests and replays: as `setOffsets` of the admin port. The group must be empty. */
  setOffset(at: TopicPartition, offset: number): void;
  members(): number;
}

export function createMemoryGroup(log: MemoryLog): MemoryGroup {
  const members = new Map<string, MemoryMember>();
  const offsets = new Map<string, number>();
  let previous: ReadonlyMap<string, TopicAssignment> = new Map();
  let generation = 0;
  /** Members that take part in the present generation; a new one waits for the next. */
  let current = new Set<MemoryMember>();
  let rebalancing: Promise<void> | undefined;
  let again = false;

  async function rebalance(): Promise<void> {
    do {
      again = false;
      await Promise.all(
        [...current].filter((member) => members.has(member.id)).map((member) => member.revoke()),
      );
      generation += 1;
      const views = [...members.values()].map(({ id, topics }) => ({
        id,
        topics,
        previous: previous.get(id) ?? {},
      }));
      const topics = [...new Set(views.flatMap((view) => view.topics))];
      const partitions = new Map(topics.map((topic) => [topic, log.partitions(topic)]));
      const assign = [...members.values()][0]?.assignment === "co-partitioned" ? coPartitioned : spread;
      previous = assign(views, partitions);
      current = new Set(members.values());
      const started = [...members.values()].map((member) =>
        member.assign(flatten(previous.get(member.id)), generation),
      );
      await Promise.all(started);
    } while (again);
  }

  function request(): Promise<void> {
    again = true;
    rebalancing ??= rebalance().finally(() => {
      rebalancing = undefined;
    });
    return rebalancing;
  }

  return {
    join: (member) => {
      members.set(member.id, member);
      return request();
    },
    leave: async (member) => {
      if (!members.delete(member.id)) return;
      current.delete(member);
      if (members.size > 0) await request();
    },
    drop: (member) => {
      if (!members.delete(member.id)) return;
      current.delete(member);
      if (members.size > 0) void request();
    },
    commit: (member, of, committed) => {
      if (members.get(member.id) !== member || of !== generation || !current.has(member)) return false;
      for (const { topic, partition, offset } of committed)
        offsets.set(partitionKey({ topic, partition }), offset);
      return true;
    },
    committed: (at) => offsets.get(partitionKey(at)),
    setOffset: (at, offset) => {
      if (members.size > 0) throw new Error("offsets are set only in an empty group");
      offsets.set(partitionKey(at), offset);
    },
    members: () => members.size,
  };
}

function flatten(assignment: TopicAssignment | undefined): TopicPartition[] {
  return Object.entries(assignment ?? {}).flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition })),
  );
}
