/** What a released topic has promised to its readers: none of it may change under the same name. */
export interface ReleasedTopic {
  readonly key: string;
  readonly partitioner: "key-hash" | "explicit";
  readonly partitions: number;
}

/**
 * The lock of keys and partitions. A broker does not know what a key means, so this file does: a declaration that
 * differs from it is refused by `npm run topology` and by the lint rules, because records of one key would stand on
 * two partitions and their order would be lost. Another key or partition count is a new topic with a new name.
 */
export const released: Readonly<Record<string, ReleasedTopic>> = {
  "logs.*": { key: "contract address", partitioner: "key-hash", partitions: 12 },
  "logs.dlq": { key: "key of the source record", partitioner: "key-hash", partitions: 3 },
  blocks: { key: "chain id", partitioner: "explicit", partitions: 32 },
  deliveries: { key: "endpoint id", partitioner: "key-hash", partitions: 12 },
  "deliveries.replay": { key: "endpoint id", partitioner: "key-hash", partitions: 12 },
  "deliveries.dlq": { key: "endpoint id", partitioner: "key-hash", partitions: 3 },
  attempts: { key: "endpoint id", partitioner: "key-hash", partitions: 6 },
};

/** The lock's entry for a topic: its own, else the one for all chains. */
export function releasedAs(
  name: string,
  lock: Readonly<Record<string, ReleasedTopic>> = released,
): ReleasedTopic | undefined {
  return lock[name] ?? (name.startsWith("logs.") ? lock["logs.*"] : undefined);
}
