import { PipelineError } from "@ethhook/schemas";
import type { Admin, Cluster } from "kafkajs";
import { AssignerProtocol, ConfigResourceTypes } from "./kafkajs.ts";
import { type ClientSettings, createClient } from "./client.ts";
import { clusterOf, connectCluster } from "./cluster.ts";
import { brokerErrorType, isUnreached, messageOf, unreachable, withDeadline } from "./errors.ts";
import { waitUntilSeen, waitUntilServed, whileBrokersSettle, whileUnheardOf } from "./settling.ts";
import type { TopicPartition } from "./types.ts";

export interface TopicDescription {
  readonly name: string;
  readonly partitions: number;
  readonly replicationFactor: number;
}

export interface TopicCreation extends TopicDescription {
  /** As the broker names them: `retention.ms`, `max.message.bytes`. */
  readonly configs: Readonly<Record<string, string>>;
}

export interface TopicConfig {
  readonly value: string;
  /** False when it was set on the topic itself. */
  readonly isDefault: boolean;
}

export interface PartitionBounds {
  readonly partition: number;
  /** The oldest offset still kept. */
  readonly start: number;
  /** Where a read-committed reader ends now: one past the last stable offset. A marker may stand before it. */
  readonly end: number;
}

export interface GroupOffset extends TopicPartition {
  /** The next offset to read; null where the group has not committed. */
  readonly offset: number | null;
}

export interface GroupMember {
  readonly memberId: string;
  readonly clientId: string;
  readonly host: string;
  readonly assignment: readonly TopicPartition[];
}

export interface GroupDescription {
  readonly groupId: string;
  /** `Stable`, `PreparingRebalance`, `CompletingRebalance`, `Empty`, `Dead`, `Unknown`. */
  readonly state: string;
  readonly members: readonly GroupMember[];
}

/**
 * What the topology, lag and replay commands ask of a cluster. Connects when first used; `close` it.
 * Every method rejects with the broker's words, or BROKER_UNREACHABLE.
 */
export interface KafkaAdmin {
  /** All topics, the broker's own (`__…`) left out; or those named that exist. */
  describeTopics(names?: readonly string[]): Promise<readonly TopicDescription[]>;
  /** Only creates: a topic that exists rejects. */
  createTopics(topics: readonly TopicCreation[]): Promise<void>;
  /** Partitions can only be added, and a key then moves: the caller has decided. */
  createPartitions(topic: string, partitions: number): Promise<void>;
  deleteTopics(names: readonly string[]): Promise<void>;
  /** Deletes what lies before an offset of each partition, for ever, as retention does. */
  deleteRecords(
    topic: string,
    before: readonly { readonly partition: number; readonly offset: number }[],
  ): Promise<void>;
  /** Settings by topic and name, defaults included. */
  topicConfigs(names: readonly string[]): Promise<ReadonlyMap<string, ReadonlyMap<string, TopicConfig>>>;
  /** Replaces all settings of the topic: what is left out falls back to the broker's default. Always send the full set. */
  replaceTopicConfigs(topic: string, configs: Readonly<Record<string, string>>): Promise<void>;
  /** Consumer groups by id. */
  listGroups(): Promise<readonly string[]>;
  describeGroups(groupIds: readonly string[]): Promise<readonly GroupDescription[]>;
  /** A group that does not exist is not an error. */
  deleteGroups(groupIds: readonly string[]): Promise<void>;
  committedOffsets(groupId: string, topics?: readonly string[]): Promise<readonly GroupOffset[]>;
  /** The group must be empty. */
  setOffsets(
    groupId: string,
    topic: string,
    offsets: readonly { partition: number; offset: number }[],
  ): Promise<void>;
  bounds(topic: string): Promise<readonly PartitionBounds[]>;
  /** The first offset at or after a time, by partition; the end where there is none. */
  offsetsAt(topic: string, timestampMs: number): Promise<readonly { partition: number; offset: number }[]>;
  describeCluster(): Promise<{
    readonly clusterId: string;
    readonly brokers: readonly string[];
    readonly controller: number | null;
  }>;
  close(): Promise<void>;
}

/** Enough for a broker that does not answer and another one after it. */
const connectTimeoutMs = 15_000;
const creationTimeoutMs = 30_000;
const visibleWithinMs = 5_000;

export function createAdmin(settings: ClientSettings): KafkaAdmin {
  const client = createClient({ ...settings, requestTimeoutMs: creationTimeoutMs });
  const admin = client.kafka.admin({ retry: { initialRetryTime: 100, retries: 5 } });
  const cluster = clusterOf(client.kafka);
  let connecting: Promise<void> | undefined;
  let coordinating: Promise<void> | undefined;

  async function connected(): Promise<typeof admin> {
    connecting ??= withDeadline(
      admin.connect(),
      connectTimeoutMs,
      () => new Error(`no answer in ${connectTimeoutMs} ms`),
    );
    try {
      await connecting;
    } catch (error) {
      connecting = undefined;
      throw unreachable(settings.brokers, error);
    }
    return admin;
  }

  /** Asks what may be asked twice; one of several brokers may be away. */
  async function ask<T>(
    question: (kafka: Admin) => Promise<T>,
    refresh?: (kafka: Admin) => Promise<unknown>,
  ): Promise<T> {
    const kafka = await connected();
    try {
      return await whileBrokersSettle(() => question(kafka), refresh && (() => refresh(kafka)));
    } catch (error) {
      throw isUnreached(error) ? unreachable(settings.brokers, error) : error;
    }
  }

  async function topicConfigs(
    names: readonly string[],
  ): Promise<ReadonlyMap<string, ReadonlyMap<string, TopicConfig>>> {
    if (names.length === 0) return new Map();
    const resourcesAsked = names.map((name) => ({ type: ConfigResourceTypes.TOPIC, name }));
    const { resources } = await ask((kafka) =>
      kafka.describeConfigs({ includeSynonyms: false, resources: resourcesAsked }),
    );
    return new Map(
      resources.map(({ resourceName, configEntries }) => [
        resourceName,
        new Map(
          configEntries.map((entry) => [
            entry.configName,
            { value: entry.configValue, isDefault: isDefault(entry) },
          ]),
        ),
      ]),
    );
  }

  return {
    describeTopics: async (names) => {
      const existing = (await ask((kafka) => kafka.listTopics())).filter((name) => !name.startsWith("__"));
      const wanted = names ? existing.filter((name) => names.includes(name)) : existing;
      if (wanted.length === 0) return [];
      const { topics } = await ask((kafka) => kafka.fetchTopicMetadata({ topics: wanted }));
      return topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.length,
        replicationFactor: partitions[0]?.replicas.length ?? 0,
      }));
    },
    createTopics: async (topics) => {
      const kafka = await connected();
      const wanted = topics.map(({ name, partitions, replicationFactor, configs }) => ({
        topic: name,
        numPartitions: partitions,
        replicationFactor,
        configEntries: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      }));
      const creation = { waitForLeaders: false, timeout: creationTimeoutMs, topics: wanted };
      await whileUnheardOf(() => kafka.createTopics(creation), visibleWithinMs);
      const names = topics.map(({ name }) => name);
      await waitUntilServed(kafka, names, creationTimeoutMs);
    },
    createPartitions: async (topic, count) => {
      await (await connected()).createPartitions({ topicPartitions: [{ topic, count }] });
    },
    deleteTopics: async (names) => {
      await (await connected()).deleteTopics({ topics: [...names] });
    },
    deleteRecords: async (topic, before) => {
      const partitions = before.map(({ partition, offset }) => ({ partition, offset: String(offset) }));
      await (await connected()).deleteTopicRecords({ topic, partitions });
    },
    topicConfigs,
    replaceTopicConfigs: async (topic, configs) => {
      await (
        await connected()
      ).alterConfigs({
        validateOnly: false,
        resources: [
          {
            type: ConfigResourceTypes.TOPIC,
            name: topic,
            configEntries: Object.entries(configs).map(([name, value]) => ({ name, value })),
          },
        ],
      });
      await waitUntilSeen(async () => {
        const shown = (await topicConfigs([topic])).get(topic);
        return Object.entries(configs).every(([name, value]) => shown?.get(name)?.value === value);
      }, visibleWithinMs);
    },
    listGroups: async () => {
      const { groups } = await ask((kafka) => kafka.listGroups());
      return groups
        .filter((group) => group.protocolType === "consumer" || group.protocolType === "")
        .map((group) => group.groupId);
    },
    describeGroups: async (groupIds) => {
      if (groupIds.length === 0) return [];
      const { groups } = await ask((kafka) => kafka.describeGroups([...groupIds]));
      return groups.map(({ groupId, state, members }) => ({
        groupId,
        state,
        members: members.map((member) => ({
          memberId: member.memberId,
          clientId: member.clientId,
          host: member.clientHost,
          assignment: decodeAssignment(member.memberAssignment),
        })),
      }));
    },
    deleteGroups: async (groupIds) => {
      if (groupIds.length === 0) return;
      const kafka = await connected();
      try {
        await kafka.deleteGroups([...groupIds]);
      } catch (error) {
        const failed = (error as { groups?: { groupId: string; error?: { type?: string } }[] }).groups ?? [];
        const serious = failed.filter((group) => group.error?.type !== "GROUP_ID_NOT_FOUND");
        if (failed.length === 0 || serious.length > 0) throw error;
      }
    },
    committedOffsets: async (groupId, topics) => {
      const asked = { groupId, ...(topics ? { topics: [...topics] } : {}) };
      const found = await ask((kafka) => kafka.fetchOffsets(asked));
      return found.flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, offset }) => ({
          topic,
          partition,
          offset: Number(offset) < 0 ? null : Number(offset),
        })),
      );
    },
    setOffsets: async (groupId, topic, offsets) => {
      const partitions = offsets.map(({ partition, offset }) => ({ partition, offset: String(offset) }));
      await (coordinating ??= connectCluster(cluster));
      await commitWithoutMember(cluster, groupId, topic, partitions);
    },
    bounds: async (topic) => {
      const offsets = await ask((kafka) => kafka.fetchTopicOffsets(topic), refreshLeaders);
      return offsets
        .map(({ partition, low, high }) => ({ partition, start: Number(low), end: Number(high) }))
        .toSorted((a, b) => a.partition - b.partition);
    },
    offsetsAt: async (topic, timestampMs) => {
      const offsets = await ask(
        (kafka) => kafka.fetchTopicOffsetsByTimestamp(topic, timestampMs),
        refreshLeaders,
      );
      return offsets
        .map(({ partition, offset }) => ({ partition, offset: Number(offset) }))
        .toSorted((a, b) => a.partition - b.partition);
    },
    describeCluster: async () => {
      const { brokers, controller, clusterId } = await ask((kafka) => kafka.describeCluster());
      return { clusterId, controller, brokers: brokers.map(({ host, port }) => `${host}:${port}`) };
    },
    close: async () => {
      await Promise.allSettled([connecting, coordinating]);
      const disconnecting = Promise.all([admin.disconnect(), cluster.disconnect()]);
      await withDeadline(disconnecting, 2_000, () => new Error("late")).catch((error: unknown) => {
        settings.logger.debug({ event: "admin.close-failed" }, messageOf(error));
      });
      client.kill();
    },
  };
}

/**
 * kafkajs' own setOffsets joins the group to commit, and waits 5 s for a fetch. With no member and no generation, the
 * broker takes the offsets while the group is empty.
 */
async function commitWithoutMember(
  cluster: Cluster,
  groupId: string,
  topic: string,
  partitions: { partition: number; offset: string }[],
): Promise<void> {
  const commit = { groupId, groupGenerationId: -1, memberId: "", topics: [{ topic, partitions }] };
  try {
    await whileBrokersSettle(async () => {
      const coordinator = await cluster.findGroupCoordinator({ groupId });
      await coordinator.offsetCommit(commit);
    });
  } catch (cause) {
    if (brokerErrorType(cause) !== "UNKNOWN_MEMBER_ID") throw cause;
    const words = `Group ${groupId} has members: stop them first.`;
    throw new PipelineError("BROKER_REFUSED", "crash", words, { cause });
  }
}

/** The one question of kafkajs' admin that looks up its metadata anew whatever it knows already. */
const refreshLeaders = (kafka: Admin): Promise<unknown> => kafka.listGroups();

/** kafkajs' type knows only the old flag; brokers since Kafka 1.1 send the source, 5 being the default, 1 the topic. */
function isDefault(entry: { readonly isDefault: boolean; readonly configSource?: number }): boolean {
  return entry.configSource === undefined ? entry.isDefault : entry.configSource !== topicSource;
}
const topicSource = 1;

function decodeAssignment(encoded: Buffer): TopicPartition[] {
  if (encoded.length === 0) return [];
  const assignment = AssignerProtocol.MemberAssignment.decode(encoded)?.assignment ?? {};
  return Object.entries(assignment).flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition })),
  );
}
