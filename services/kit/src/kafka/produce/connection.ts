import type { Broker, Cluster } from "kafkajs";
import { type Client, type ClientSettings, createClient } from "../client.ts";
import { clusterOf } from "../cluster.ts";
import { brokerErrorType, withDeadline } from "../errors.ts";
import { createLeaders } from "../leaders.ts";

/** Who a producer is to the broker. */
export interface ProducerIdentity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** kafkajs' broker, with requests that its types leave out. */
export interface TransactionBroker extends Broker {
  initProducerId(request: {
    transactionalId?: string;
    transactionTimeout: number;
  }): Promise<{ producerId: string; producerEpoch: number }>;
  addPartitionsToTxn(
    request: TransactionRequest & { topics: { topic: string; partitions: number[] }[] },
  ): Promise<unknown>;
  endTxn(request: TransactionRequest & { transactionResult: boolean }): Promise<unknown>;
}
interface TransactionRequest {
  readonly transactionalId: string;
  readonly producerId: string;
  readonly producerEpoch: number;
}

/**
 * One set of connections for writing. When anything about it is in doubt it is closed and another one made: what was sent
 * over a closed one can no longer arrive behind our back.
 */
export interface ProduceConnection {
  readonly cluster: Cluster;
  /** Makes sure that the topic's partitions are known. @returns their number. */
  partitions(topic: string): Promise<number>;
  /** The broker that leads the partition; undefined while there is none. */
  leader(topic: string, partition: number): string | undefined;
  broker(nodeId: string): Promise<TransactionBroker>;
  refresh(): Promise<void>;
  close(): void;
}

const connectTimeoutMs = 5_000;
const leaveTimeoutMs = 1_000;

export async function connectToProduce(settings: ClientSettings): Promise<ProduceConnection> {
  const client: Client = createClient(settings);
  const cluster = clusterOf(client.kafka);
  const leaders = createLeaders();
  const known = new Map<string, number>();
  try {
    const late = () => new Error(`no answer in ${connectTimeoutMs} ms`);
    await withDeadline(cluster.connect(), connectTimeoutMs, late);
    await withDeadline(cluster.refreshMetadata(), connectTimeoutMs, late);
  } catch (error) {
    client.kill();
    throw error;
  }
  return {
    cluster,
    partitions: async (topic) => {
      const count = known.get(topic);
      if (count !== undefined) return count;
      await cluster.addTargetTopic(topic);
      const found = cluster.findTopicPartitionMetadata(topic).length;
      if (found > 0) known.set(topic, found);
      return found;
    },
    leader: (topic, partition) => leaders.of(cluster, topic, partition),
    broker: async (nodeId) => (await cluster.findBroker({ nodeId })) as TransactionBroker,
    refresh: async () => {
      known.clear();
      await cluster.refreshMetadata();
    },
    close: () => {
      const killed = () => client.kill();
      withDeadline(cluster.disconnect(), leaveTimeoutMs, () => new Error("late")).then(killed, killed);
    },
  };
}

/** An identity for an idempotent producer; any broker gives one. */
export async function initIdempotent({ cluster }: ProduceConnection): Promise<ProducerIdentity> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const broker = (await cluster.findControllerBroker()) as TransactionBroker;
      const { producerId, producerEpoch } = await broker.initProducerId({ transactionTimeout: 60_000 });
      return { producerId: Number(producerId), producerEpoch };
    } catch (error) {
      // A broker that has just started loads its state first.
      if (brokerErrorType(error) !== "GROUP_LOAD_IN_PROGRESS" || attempt === 20) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
