import type { PartitionAssigner } from "kafkajs";
import { coPartitioned, type GroupMemberView, spread, type TopicAssignment } from "./assignment.ts";
import type { GroupHooks, HookedAssigner } from "./group-hooks.ts";
import { AssignerProtocol } from "./kafkajs.ts";

const strategies = {
  spread: { name: "ethhook.spread", assign: spread },
  "co-partitioned": { name: "ethhook.co-partitioned", assign: coPartitioned },
} as const;

const version = 1;

/**
 * A kafkajs assigner over the pure strategies. What a member holds travels in its metadata, so that the leader can let
 * it keep that.
 * @param previous the member's assignment of the generation before.
 */
export function createAssigner(
  strategy: keyof typeof strategies,
  previous: () => TopicAssignment,
  hooks: GroupHooks,
): PartitionAssigner {
  const { name, assign } = strategies[strategy];
  return ({ cluster }): HookedAssigner => ({
    name,
    version,
    hooks,
    protocol: ({ topics }) => ({
      name,
      metadata: AssignerProtocol.MemberMetadata.encode({
        version,
        topics,
        userData: Buffer.from(JSON.stringify(previous())),
      }),
    }),
    assign: async ({ members }) => {
      const views = members.map(({ memberId, memberMetadata }) => viewOf(memberId, memberMetadata));
      const topics = [...new Set(views.flatMap((view) => view.topics))];
      const partitions = new Map(
        topics.map((topic) => [topic, cluster.findTopicPartitionMetadata(topic).length]),
      );
      return [...assign(views, partitions)].map(([memberId, assignment]) => ({
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version,
          assignment: Object.fromEntries(
            Object.entries(assignment).map(([topic, mine]) => [topic, [...mine]]),
          ),
          userData: Buffer.alloc(0),
        }),
      }));
    },
  });
}

function viewOf(id: string, metadata: Buffer): GroupMemberView {
  const decoded = AssignerProtocol.MemberMetadata.decode(metadata);
  return { id, topics: decoded?.topics ?? [], previous: parsePrevious(decoded?.userData) };
}

/** Another version's or client's metadata is no reason to fail a group: that member merely keeps nothing. */
function parsePrevious(data: Buffer | undefined): TopicAssignment {
  try {
    const parsed: unknown = JSON.parse(data?.toString() ?? "");
    if (typeof parsed !== "object" || parsed === null) return {};
    return Object.fromEntries(
      Object.entries(parsed).map(([topic, held]) => [
        topic,
        Array.isArray(held) ? held.filter((unit): unit is number => Number.isInteger(unit) && unit >= 0) : [],
      ]),
    );
  } catch {
    return {};
  }
}
