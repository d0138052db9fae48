import {
  attemptCodec,
  blockCodec,
  deadDeliveryCodec,
  deliveryCodec,
  logCodec,
  type Attempt,
  type Block,
  type DeadDelivery,
  type Delivery,
  type Log,
} from "@ethhook/schemas";
import type { Chain } from "./chains.ts";
import { createGroups } from "./groups.ts";
import { deadLogFormat, type DeadLog } from "./dead-log.ts";
import type { AnyTopic, ConsumerGroup, Topic, TopicKey, TopicRecord } from "./types.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const mebibyte = 1_048_576;

/** Partitions of `logs.*`: one contract's logs stay on one of them. */
export const logPartitions = 12;
/** Partitions of `deliveries` and `deliveries.replay`, which must be equal: delivery owns both by endpoint. */
export const deliveryPartitions = 12;
/** Partitions of `blocks`: the most chains that one deployment can have. */
export const ledgerPartitions = 32;

/** Of a hundred logs, ten match some endpoint: the share that the stated disk of `deliveries` and `attempts` assumes. */
const deliveriesPerLog = 0.1;

const contractAddress: TopicKey<Log> = {
  name: "contract address",
  example: "0xdac17f958d2ee523a2206206994597c13d831ec7",
  of: (log) => log.address.toLowerCase(),
};
const chainId: TopicKey<Block> = { name: "chain id", example: "8453", of: (block) => String(block.chainId) };
const endpointId: TopicKey<{ readonly endpointId: string }> = {
  name: "endpoint id",
  example: "ep_7k2m9qd4x1v8b3n6c5z0a1s2",
  of: (message) => message.endpointId,
};
const deadEndpointId: TopicKey<DeadDelivery> = {
  name: "endpoint id",
  example: endpointId.example,
  of: (dead) => dead.delivery.endpointId,
};
const sourceKey: TopicKey<DeadLog> = {
  name: "key of the source record",
  example: contractAddress.example,
  of: (dead) => dead.sourceKey,
};

/** `logs.<chain>`: own partitions and retention per chain, so that one chain's lag, replay or loss is its own. */
export function logsTopic(chain: Pick<Chain, "name">): Topic<Log> {
  return {
    name: `logs.${chain.name}`,
    holds: `every log of ${chain.name}: added with its block, removed by a reorg`,
    message: logCodec,
    key: contractAddress,
    order: "per contract: `new` before its `removed`, blocks in ledger order",
    partitions: logPartitions,
    partitioner: { kind: "key-hash" },
    retentionMs: 7 * dayMs,
    cleanup: "delete",
    compression: "zstd",
    messageBytesMax: 16 * mebibyte,
    producers: ["ingestor"],
    traffic: { recordsPerLog: 1, recordBytes: 900 },
    deadLetters: "logs.dlq",
  };
}

function blocksTopic(chains: readonly Chain[]): Topic<Block> {
  const partitionOfChain = new Map(chains.map((chain) => [chain.id, chain.ledgerPartition]));
  return {
    name: "blocks",
    holds: "the ledger: each block added, removed or finalized, with the count and digest of its logs",
    message: blockCodec,
    key: chainId,
    order: "per chain: sequence 1, 2, 3 … without a hole",
    partitions: ledgerPartitions,
    partitioner: {
      kind: "explicit",
      by: "ledgerPartition of the chain",
      partitionOf(block) {
        const partition = partitionOfChain.get(block.chainId);
        if (partition === undefined) throw new RangeError(`chain ${block.chainId} is not in the topology`);
        return partition;
      },
    },
    retentionMs: null,
    cleanup: "delete",
    compression: "zstd",
    messageBytesMax: mebibyte,
    producers: ["ingestor"],
    // Four chains add 5 blocks a second and finalize each once, whatever they hold.
    traffic: { recordsPerLog: 1 / 100, recordBytes: 550 },
  };
}

function deliveriesTopic(): Topic<Delivery> {
  return {
    name: "deliveries",
    holds: "webhooks that are due now",
    message: deliveryCodec,
    key: endpointId,
    order: "per endpoint: matches in the order of their logs",
    partitions: deliveryPartitions,
    partitioner: { kind: "key-hash" },
    retentionMs: 3 * dayMs,
    cleanup: "delete",
    compression: "zstd",
    messageBytesMax: 16 * mebibyte,
    producers: ["matcher", "delivery", "api"],
    traffic: { recordsPerLog: deliveriesPerLog, recordBytes: 2_200 },
    deadLetters: "deliveries.dlq",
  };
}

function replayTopic(): Topic<Delivery> {
  return {
    ...deliveriesTopic(),
    name: "deliveries.replay",
    holds: "webhooks to be sent again, after everything that is due now",
    order: "per endpoint: the order of the replay that wrote them",
    coPartitionedWith: "deliveries",
    retentionMs: dayMs,
    producers: ["api", "replay", "redrive"],
    traffic: { recordsPerLog: deliveriesPerLog / 10, recordBytes: 2_200 },
  };
}

function attemptsTopic(): Topic<Attempt> {
  return {
    name: "attempts",
    holds: "each POST, successful or not",
    message: attemptCodec,
    key: endpointId,
    order: "per endpoint: POSTs as they ended",
    partitions: 6,
    partitioner: { kind: "key-hash" },
    retentionMs: 3 * dayMs,
    cleanup: "delete",
    compression: "zstd",
    messageBytesMax: mebibyte,
    producers: ["delivery"],
    traffic: { recordsPerLog: deliveriesPerLog * 1.05, recordBytes: 900 },
  };
}

function deadDeliveriesTopic(): Topic<DeadDelivery> {
  return {
    name: "deliveries.dlq",
    holds: "webhooks that were given up, with every attempt",
    message: deadDeliveryCodec,
    key: deadEndpointId,
    order: "per endpoint: as they were given up",
    partitions: 3,
    partitioner: { kind: "key-hash" },
    retentionMs: 30 * dayMs,
    cleanup: "delete",
    compression: "zstd",
    // A dead letter carries the whole delivery and its attempts: larger than what it came from.
    messageBytesMax: 20 * mebibyte,
    producers: ["delivery"],
    traffic: { recordsPerLog: deliveriesPerLog / 100, recordBytes: 12_000 },
  };
}

function deadLogsTopic(): Topic<DeadLog> {
  return {
    name: "logs.dlq",
    holds: "records of `logs.*` that no version can read, byte for byte, with where they stood in headers",
    message: deadLogFormat,
    key: sourceKey,
    order: "none that anyone needs",
    partitions: 3,
    partitioner: { kind: "key-hash" },
    retentionMs: 30 * dayMs,
    cleanup: "delete",
    compression: "none",
    messageBytesMax: 20 * mebibyte,
    producers: ["matcher", "ingestor"],
    traffic: { recordsPerLog: 0, recordBytes: 900 },
  };
}

/** The whole pipeline as data: every topic and every consumer group, for a set of chains. */
export interface Topology {
  readonly chains: readonly Chain[];
  /** By chain name and by chain id. */
  readonly logs: {
    readonly all: readonly Topic<Log>[];
    /** @throws RangeError for a chain that is not in the topology: a caller's bug. */
    of(chainId: number): Topic<Log>;
  };
  readonly blocks: Topic<Block>;
  readonly deliveries: Topic<Delivery>;
  readonly deliveriesReplay: Topic<Delivery>;
  readonly attempts: Topic<Attempt>;
  readonly deliveriesDlq: Topic<DeadDelivery>;
  readonly logsDlq: Topic<DeadLog>;
  /** All of the above in the order of the flow. */
  readonly topics: readonly AnyTopic[];
  readonly groups: readonly ConsumerGroup[];
}

/** Builds the topology for these chains. Pure; the same chains give the same data. */
export function createTopology(chains: readonly Chain[]): Topology {
  const logs = chains.map((chain) => logsTopic(chain));
  const byId = new Map(chains.map((chain) => [chain.id, logsTopic(chain)]));
  const blocks = blocksTopic(chains);
  const deliveries = deliveriesTopic();
  const deliveriesReplay = replayTopic();
  const attempts = attemptsTopic();
  const deliveriesDlq = deadDeliveriesTopic();
  const logsDlq = deadLogsTopic();
  const topics: AnyTopic[] = [
    ...logs,
    blocks,
    deliveries,
    deliveriesReplay,
    attempts,
    deliveriesDlq,
    logsDlq,
  ];
  return {
    chains,
    logs: {
      all: logs,
      of(id) {
        const topic = byId.get(id);
        if (topic === undefined) throw new RangeError(`chain ${id} is not in the topology`);
        return topic;
      },
    },
    blocks,
    deliveries,
    deliveriesReplay,
    attempts,
    deliveriesDlq,
    logsDlq,
    topics,
    groups: createGroups(topics),
  };
}

/** The record that carries `message` in `topic`: key, partition and bytes as the topology declares them. */
export function toRecord<M>(
  topic: Topic<M>,
  message: M,
  headers?: Readonly<Record<string, string>>,
): TopicRecord {
  const record = { topic: topic.name, key: topic.key.of(message), value: topic.message.encode(message) };
  const partition =
    topic.partitioner.kind === "explicit" ? { partition: topic.partitioner.partitionOf(message) } : {};
  return { ...record, ...partition, ...(headers === undefined ? {} : { headers }) };
}
