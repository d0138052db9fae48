import { bareKafka } from "./kafka.ts";

/** Creates topics of the benchmark's own, with one replica. */
export async function createBareTopics(
  brokers: readonly string[],
  partitions: Readonly<Record<string, number>>,
) {
  const admin = bareKafka(brokers).admin();
  await admin.connect();
  const topics = Object.entries(partitions).map(([topic, numPartitions]) => ({ topic, numPartitions }));
  await admin.createTopics({ topics, waitForLeaders: true });
  await admin.disconnect();
}
