import type { KafkaClient } from "@ethhook/kit";
import type { Topology } from "@ethhook/topology";

/** Creates every topic of the topology on a broker of its own, with the settings that matter to a test. */
export async function createTopics(kafka: KafkaClient, topology: Topology): Promise<void> {
  const admin = kafka.admin();
  try {
    await admin.createTopics(
      topology.topics.map(({ name, partitions, messageBytesMax, retentionMs }) => ({
        name,
        partitions,
        replicationFactor: 1,
        configs: {
          "max.message.bytes": String(messageBytesMax),
          "retention.ms": String(retentionMs ?? -1),
        },
      })),
    );
  } finally {
    await admin.close();
  }
}
