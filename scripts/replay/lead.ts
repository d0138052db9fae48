import type { KafkaAdmin } from "@ethhook/kit";
import type { Topology } from "@ethhook/topology";

const pollMs = 250;

/**
 * Keeps the number of records that wait in `deliveries.replay` bounded, so that a cancel takes effect soon and a replay
 * does not fill the topic ahead of the receivers. Looks at the broker only when the bound may have been reached.
 * @returns a wait for room; it also ends when the replay is to stop, or was cancelled.
 */
export function createLead(
  topology: Topology,
  admin: Pick<KafkaAdmin, "bounds" | "committedOffsets">,
  leadMax: number,
  deps: {
    pause(ms: number): Promise<void>;
    stopping(): boolean;
    isCancelled(): Promise<boolean>;
    onWaiting(lead: number): void;
  },
): (count: number) => Promise<void> {
  const topic = topology.deliveriesReplay.name;
  const group = topology.groups.find(({ topics }) => topics.includes(topic));
  let known = Number.POSITIVE_INFINITY;

  async function measure(): Promise<number> {
    const [bounds, committed] = await Promise.all([
      admin.bounds(topic),
      admin.committedOffsets(group?.id ?? "delivery", [topic]),
    ]);
    const done = new Map(committed.map(({ partition, offset }) => [partition, offset]));
    return bounds.reduce(
      (sum, { partition, start, end }) =>
        sum + Math.max(0, end - Math.max(start, done.get(partition) ?? start)),
      0,
    );
  }

  return async (count) => {
    if (leadMax === 0) return;
    known += count;
    while (known > leadMax && !deps.stopping()) {
      const lead = await measure();
      known = lead + count;
      if (known <= Math.max(leadMax, count)) return;
      if (await deps.isCancelled()) return;
      deps.onWaiting(lead);
      await deps.pause(pollMs);
    }
  };
}
