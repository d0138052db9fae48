/** Who reads which partitions: pure. */

export interface GroupMemberView {
  readonly id: string;
  readonly topics: readonly string[];
  /** What the member held in the generation before. */
  readonly previous: TopicAssignment;
}

/** Partitions by topic. */
export type TopicAssignment = Readonly<Record<string, readonly number[]>>;

type Assign = (
  members: readonly GroupMemberView[],
  partitions: ReadonlyMap<string, number>,
) => ReadonlyMap<string, TopicAssignment>;

/**
 * Every topic is spread evenly over its members (counts differ by one at most), the members' totals differ by one at
 * most when all subscribe to the same topics, and a member keeps what it had as far as that allows.
 * @param partitions number of partitions by topic.
 */
export const spread: Assign = (members, partitions) => {
  const plan = new Map(members.map((member) => [member.id, {} as Record<string, number[]>]));
  const load = new Map(members.map((member) => [member.id, 0]));
  for (const [topic, count] of [...partitions].toSorted(byName)) {
    const readers = members.filter((member) => member.topics.includes(topic));
    if (readers.length === 0) continue;
    const held = readers.map((member) => ({
      id: member.id,
      units: member.previous[topic] ?? [],
      load: load.get(member.id) ?? 0,
    }));
    for (const [id, units] of share(count, held)) {
      const mine = plan.get(id);
      if (mine && units.length > 0) mine[topic] = units;
      load.set(id, (load.get(id) ?? 0) + units.length);
    }
  }
  return plan;
};

/**
 * Partition n of every topic goes to the same member, so that what is keyed alike has one owner. Members that do not
 * subscribe to every topic (a rolling upgrade) get only topics that they know.
 */
export const coPartitioned: Assign = (members, partitions) => {
  const plan = new Map(members.map((member) => [member.id, {} as Record<string, number[]>]));
  const count = Math.max(0, ...partitions.values());
  const held = members.map((member) => ({
    id: member.id,
    units: [...new Set(Object.values(member.previous).flat())].toSorted((a, b) => a - b),
    load: 0,
  }));
  if (held.length === 0) return plan;
  const owners = share(count, held);
  for (const [topic, size] of partitions) {
    const readers = members.filter((member) => member.topics.includes(topic));
    for (const [id, units] of owners) {
      for (const unit of units.filter((candidate) => candidate < size)) {
        const owner = readers.some((reader) => reader.id === id) ? id : readers[unit % readers.length]?.id;
        const mine = owner === undefined ? undefined : plan.get(owner);
        if (mine) (mine[topic] ??= []).push(unit);
      }
    }
  }
  for (const topics of plan.values()) for (const mine of Object.values(topics)) mine.sort((a, b) => a - b);
  return plan;
};

interface Holder {
  readonly id: string;
  readonly units: readonly number[];
  /** Units of other topics; those with fewer take the remainder. */
  readonly load: number;
}

/** Shares units 0…count-1: quotas differ by one, the larger ones go to the least loaded, then to who holds more already. */
function share(count: number, holders: readonly Holder[]): Map<string, number[]> {
  const base = Math.floor(count / holders.length);
  const extra = count % holders.length;
  const ranked = holders.toSorted(
    (a, b) => a.load - b.load || b.units.length - a.units.length || byName([a.id], [b.id]),
  );
  const quota = new Map(ranked.map((holder, rank) => [holder.id, base + (rank < extra ? 1 : 0)]));
  const taken = new Set<number>();
  const shares = new Map(ranked.map((holder) => [holder.id, [] as number[]]));
  for (const holder of ranked) {
    const mine = shares.get(holder.id) ?? [];
    for (const unit of holder.units) {
      if (mine.length >= (quota.get(holder.id) ?? 0) || unit >= count || taken.has(unit)) continue;
      mine.push(unit);
      taken.add(unit);
    }
  }
  // Round-robin over those with room, so that neighbours (often equally hot) go to different members.
  const free = Array.from({ length: count }, (_, unit) => unit).filter((unit) => !taken.has(unit));
  let turn = 0;
  for (const unit of free) {
    for (let tries = 0; tries < ranked.length; tries += 1) {
      const id = ranked[turn++ % ranked.length]?.id ?? "";
      const mine = shares.get(id) ?? [];
      if (mine.length >= (quota.get(id) ?? 0)) continue;
      mine.push(unit);
      break;
    }
  }
  for (const mine of shares.values()) mine.sort((a, b) => a - b);
  return shares;
}

function byName(a: readonly [string, ...unknown[]], b: readonly [string, ...unknown[]]): number {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
}
