import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { coPartitioned, type GroupMemberView, spread, type TopicAssignment } from "./assignment.ts";

const sizes = fc.dictionary(
  fc.constantFrom("logs.a", "logs.b", "logs.c", "deliveries"),
  fc.integer({ min: 1, max: 16 }),
  {
    minKeys: 1,
  },
);
const memberCount = fc.integer({ min: 1, max: 7 });
/** What members claim to have held: anything, also overlapping or out of range. */
const claims = fc.array(
  fc.dictionary(fc.constantFrom("logs.a", "logs.b", "gone"), fc.uniqueArray(fc.integer({ min: 0, max: 20 }))),
  {
    minLength: 7,
    maxLength: 7,
  },
);

function membersOf(
  count: number,
  topics: readonly string[],
  previous: readonly TopicAssignment[],
): GroupMemberView[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `m${index}`,
    topics,
    previous: previous[index] ?? {},
  }));
}

function owners(plan: ReadonlyMap<string, TopicAssignment>, topic: string): Map<number, string[]> {
  const found = new Map<number, string[]>();
  for (const [id, topics] of plan) {
    for (const partition of topics[topic] ?? []) found.set(partition, [...(found.get(partition) ?? []), id]);
  }
  return found;
}

function spreadOf(counts: readonly number[]): number {
  return Math.max(...counts) - Math.min(...counts);
}

test.prop([sizes, memberCount, claims])(
  "spread gives every partition to one member, evenly by topic and in total",
  (topics, count, previous) => {
    const members = membersOf(count, Object.keys(topics), previous);
    const plan = spread(members, new Map(Object.entries(topics)));
    for (const [topic, size] of Object.entries(topics)) {
      const found = owners(plan, topic);
      expect(found.size).toBe(size);
      for (const holders of found.values()) expect(holders).toHaveLength(1);
      expect(spreadOf(members.map(({ id }) => plan.get(id)?.[topic]?.length ?? 0))).toBeLessThanOrEqual(1);
    }
    expect(
      spreadOf(members.map(({ id }) => Object.values(plan.get(id) ?? {}).flat().length)),
    ).toBeLessThanOrEqual(1);
  },
);

test.prop([sizes, memberCount, claims])(
  "co-partitioned gives partition n of every topic to the same member, evenly",
  (topics, count, previous) => {
    const members = membersOf(count, Object.keys(topics), previous);
    const plan = coPartitioned(members, new Map(Object.entries(topics)));
    const ownerOf = new Map<number, string>();
    for (const [topic, size] of Object.entries(topics)) {
      const found = owners(plan, topic);
      expect(found.size).toBe(size);
      for (const [partition, holders] of found) {
        expect(holders).toHaveLength(1);
        expect(ownerOf.get(partition) ?? holders[0]).toBe(holders[0]);
        ownerOf.set(partition, holders[0]!);
      }
    }
    const counts = members.map(({ id }) => [...ownerOf.values()].filter((owner) => owner === id).length);
    expect(spreadOf(counts)).toBeLessThanOrEqual(1);
  },
);

for (const [name, assign] of [
  ["spread", spread],
  ["co-partitioned", coPartitioned],
] as const) {
  test.prop([sizes, memberCount])(`${name}: a rejoin of the same members moves nothing`, (topics, count) => {
    const partitions = new Map(Object.entries(topics));
    const first = assign(membersOf(count, Object.keys(topics), []), partitions);
    const again = assign(membersOf(count, Object.keys(topics), [...first.values()]), partitions);
    expect(again).toEqual(first);
  });

  test.prop([fc.integer({ min: 1, max: 16 }), fc.integer({ min: 2, max: 7 })])(
    `${name}: when one member joins, the others keep all but what it takes`,
    (size, count) => {
      const partitions = new Map([["t", size]]);
      const before = assign(membersOf(count - 1, ["t"], []), partitions);
      const after = assign(membersOf(count, ["t"], [...before.values()]), partitions);
      const newcomer = after.get(`m${count - 1}`)?.["t"]?.length ?? 0;
      const moved = [...before].flatMap(([id, held]) =>
        (held["t"] ?? []).filter((unit) => !after.get(id)?.["t"]?.includes(unit)),
      );
      expect(moved).toHaveLength(newcomer);
    },
  );

  test.prop([sizes, memberCount])(`${name}: the order of the members does not matter`, (topics, count) => {
    const partitions = new Map(Object.entries(topics));
    const members = membersOf(count, Object.keys(topics), []);
    const one = assign(members, partitions);
    const other = assign(members.toReversed(), partitions);
    expect(Object.fromEntries(other)).toEqual(Object.fromEntries(one));
  });
}

test("a member gets only topics that it subscribes to", () => {
  const members = [
    { id: "old", topics: ["a"], previous: {} },
    { id: "new", topics: ["a", "b"], previous: {} },
  ];
  const partitions = new Map([
    ["a", 4],
    ["b", 4],
  ]);
  for (const assign of [spread, coPartitioned]) {
    const plan = assign(members, partitions);
    expect(plan.get("old")?.["b"]).toBeUndefined();
    expect(plan.get("new")?.["b"]).toEqual([0, 1, 2, 3]);
  }
});
