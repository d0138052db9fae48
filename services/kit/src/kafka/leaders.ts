import type { Cluster, PartitionMetadata } from "kafkajs";

/** Who leads a partition, by kafkajs' metadata; looked up once for each metadata that it gets. */
export interface Leaders {
  of(cluster: Cluster, topic: string, partition: number): string | undefined;
}

export function createLeaders(): Leaders {
  const known = new WeakMap<PartitionMetadata[], Map<number, string>>();
  return {
    of: (cluster, topic, partition) => {
      const metadata = cluster.findTopicPartitionMetadata(topic);
      let leaders = known.get(metadata);
      if (!leaders) {
        leaders = new Map();
        // A partition without a leader has -1.
        for (const { partitionId, leader } of metadata)
          if (leader >= 0) leaders.set(partitionId, String(leader));
        known.set(metadata, leaders);
      }
      return leaders.get(partition);
    },
  };
}
