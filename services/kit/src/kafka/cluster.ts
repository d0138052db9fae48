import type { Cluster, Kafka } from "kafkajs";
import { withDeadline } from "./errors.ts";

/** Enough for a broker that does not answer and another one after it. */
const connectTimeoutMs = 15_000;

/**
 * kafkajs' own view of the cluster, which can fetch and commit without a consumer group. kafkajs gives it to nobody but a
 * custom assigner; the consumer that asks for the assigner is never started.
 */
export function clusterOf(kafka: Kafka): Cluster {
  let cluster: Cluster | undefined;
  kafka.consumer({
    groupId: "ethhook.none",
    allowAutoTopicCreation: false,
    partitionAssigners: [
      (given) => {
        cluster = given.cluster;
        const nothing = { name: "ethhook.none", metadata: Buffer.alloc(0) };
        return { name: nothing.name, version: 0, assign: async () => [], protocol: () => nothing };
      },
    ],
  });
  if (!cluster) throw new Error("kafkajs gave its assigner no cluster: its version is not the pinned one");
  return cluster;
}

export async function connectCluster(cluster: Cluster): Promise<void> {
  await withDeadline(
    cluster.connect(),
    connectTimeoutMs,
    () => new Error(`no answer in ${connectTimeoutMs} ms`),
  );
}
