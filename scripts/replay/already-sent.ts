import type { KafkaAdmin, PartitionReader } from "@ethhook/kit";
import type { Topology } from "@ethhook/topology";
import type { StoredReplay } from "./store.ts";

/** Postgres notes the time of a state, this machine that of a record: their clocks differ. */
const clockMarginMs = 60_000;

export const replayHeader = "ethhook-replay";

/**
 * Webhooks that a replay sent and, being killed, did not note: they stand in `deliveries.replay` with its name, later than its
 * state.
 */
export async function alreadySent(
  { id, updatedAt }: Pick<StoredReplay, "id" | "updatedAt">,
  deps: {
    readonly topology: Topology;
    readonly admin: Pick<KafkaAdmin, "offsetsAt">;
    readonly reader: PartitionReader;
  },
): Promise<ReadonlySet<string>> {
  const { name: topic, message } = deps.topology.deliveriesReplay;
  const sinceMs = updatedAt.getTime() - clockMarginMs;
  const ids = new Set<string>();
  const offsets = await deps.admin.offsetsAt(topic, sinceMs);
  await Promise.all(
    offsets.map(async ({ partition, offset }) => {
      for await (const records of deps.reader.read({ topic, partition }, offset)) {
        for (const { headers, value } of records) {
          if (headers[replayHeader] !== id) continue;
          const decoded = message.decode(value);
          if (decoded.ok) ids.add(decoded.value.webhookId);
        }
      }
    }),
  );
  return ids;
}
