import { setTimeout as delay } from "node:timers/promises";
import { PipelineError } from "@ethhook/schemas";
import type { Cluster } from "kafkajs";
import { type ClientSettings, createClient } from "./client.ts";
import { clusterOf, connectCluster } from "./cluster.ts";
import { messageOf, unreachable, withDeadline } from "./errors.ts";
import { fetchFrom, type PartitionFetch } from "./fetch/fetch.ts";
import { createLeaders } from "./leaders.ts";
import { whileBrokersSettle } from "./settling.ts";
import type { InRecord, PartitionReader, TopicPartition } from "./types.ts";

const limits = { waitMs: 100, bytesMax: 4_194_304, partitionBytesMax: 4_194_304 } as const;
/** A read that gets nothing for this long, although there is something, fails. */
const stallTimeoutMs = 15_000;

/**
 * Reads partitions without a consumer group: kafkajs gives its cluster to a custom assigner, and the cluster can fetch.
 * So a reader leaves no group behind, waits for no rebalance, and disturbs nobody.
 */
export function createReader(settings: ClientSettings): PartitionReader {
  const client = createClient(settings);
  const cluster = clusterOf(client.kafka);
  const leaders = createLeaders();
  let connecting: Promise<void> | undefined;

  async function connected(): Promise<Cluster> {
    connecting ??= connectCluster(cluster);
    try {
      await connecting;
    } catch (error) {
      connecting = undefined;
      throw unreachable(settings.brokers, error);
    }
    return cluster;
  }

  async function bounds({ topic, partition }: TopicPartition): Promise<{ start: number; end: number }> {
    const of = await connected();
    await whileBrokersSettle(() => of.addTargetTopic(topic));
    const at = async (fromBeginning: boolean): Promise<number> => {
      const [answer] = await whileBrokersSettle(
        () => of.fetchTopicsOffset([{ topic, partitions: [{ partition }], fromBeginning }]),
        () => of.refreshMetadata(),
      );
      const offset = answer?.partitions[0]?.offset;
      if (offset === undefined)
        throw new PipelineError("BROKER_REFUSED", "crash", `${topic} has no partition ${partition}.`);
      return Number(offset);
    };
    const [start, end] = await Promise.all([at(true), at(false)]);
    return { start, end };
  }

  /** One fetch of one partition. */
  async function fetchOnce(
    of: Cluster,
    at: TopicPartition,
    offset: number,
    fetchBytes: number,
  ): Promise<PartitionFetch | undefined> {
    const nodeId = leaders.of(of, at.topic, at.partition);
    if (nodeId === undefined) throw new Error(`${at.topic}:${at.partition} has no leader`);
    const [fetched] = await fetchFrom(await of.findBroker({ nodeId }), [{ ...at, offset }], {
      waitMs: limits.waitMs,
      bytesMax: fetchBytes,
      partitionBytesMax: fetchBytes,
    });
    if (fetched?.error) throw fetched.error;
    return fetched;
  }

  async function* read(
    at: TopicPartition,
    from?: number,
    until?: number,
    fetchBytes: number = limits.bytesMax,
  ): AsyncGenerator<readonly InRecord[]> {
    const of = await connected();
    const now = await bounds(at);
    const end = Math.min(until ?? now.end, now.end);
    let position = Math.max(from ?? now.start, now.start);
    let progressAtMs = Date.now();
    while (position < end) {
      let fetched: PartitionFetch | undefined;
      let failure: unknown;
      try {
        fetched = await fetchOnce(of, at, position, fetchBytes);
      } catch (error) {
        failure = error;
        await of.refreshMetadata().catch(() => undefined);
        await delay(limits.waitMs);
      }
      if (fetched?.next === undefined) {
        if (Date.now() - progressAtMs > stallTimeoutMs) throw stalled(at, position, failure);
        continue;
      }
      progressAtMs = Date.now();
      position = fetched.next;
      const records = fetched.records.filter((record) => record.offset < end);
      if (records.length > 0) yield records;
    }
  }

  async function tail(at: TopicPartition, count: number): Promise<readonly InRecord[]> {
    const { start, end } = await bounds(at);
    // Offsets also count markers, so a window is a guess that is widened until it holds enough.
    for (let window = count * 2 + 16; ; window *= 4) {
      const from = Math.max(start, end - window);
      const records: InRecord[] = [];
      for await (const some of read(at, from, end)) records.push(...some);
      if (records.length >= count || from === start) return records.slice(-count);
    }
  }

  return {
    bounds,
    read,
    tail,
    close: async () => {
      await connecting?.catch(() => undefined);
      await withDeadline(cluster.disconnect(), 2_000, () => new Error("late")).catch(() => undefined);
      client.kill();
    },
  };
}

function stalled({ topic, partition }: TopicPartition, offset: number, cause: unknown): PipelineError {
  const why = cause === undefined ? "the broker sends nothing" : messageOf(cause);
  return new PipelineError(
    "BROKER_TIMEOUT",
    "retry",
    `Reading ${topic}:${partition} stands at ${offset}: ${why}`,
    { cause },
  );
}
