import { randomUUID } from "node:crypto";
import type { KafkaAdmin, KafkaClient } from "@ethhook/kit";
import { readerGroupPrefix, type Topology } from "@ethhook/topology";
import type { GroupLag } from "./snapshot.ts";
import type { Tally } from "./tally.ts";

/** Reads what the pipeline writes, beside it: a consumer group of its own that nobody needs afterwards. */
export interface Observer {
  /** From now on, what is written to the topics is counted. */
  start(): Promise<void>;
  /** How far each group is behind, over all partitions. A group that never committed is not in use and left out. */
  lag(): Promise<readonly GroupLag[]>;
  stop(): Promise<void>;
}

/** @param onCrash called when the counting ends by itself: what is counted afterwards is not true any more. */
export function createObserver(
  kafka: KafkaClient,
  topology: Topology,
  tally: Tally,
  onCrash: (error: Error) => void,
): Observer {
  const groupId = `${readerGroupPrefix}${randomUUID()}`;
  const { blocks, deliveries, attempts } = topology;
  const counted = [blocks, deliveries, attempts];
  const admin = kafka.admin();
  const consumer = kafka.consumer({ groupId, topics: counted.map((topic) => topic.name) });

  function count(topic: string, value: Buffer | null): void {
    if (topic === blocks.name) {
      const block = blocks.message.decode(value);
      if (block.ok) tally.block(block.value);
    } else if (topic === deliveries.name) {
      const delivery = deliveries.message.decode(value);
      if (delivery.ok) tally.delivery(delivery.value);
    } else {
      const attempt = attempts.message.decode(value);
      if (attempt.ok) tally.attempt(attempt.value);
    }
  }

  return {
    async start() {
      // A broker that was given may hold months of records: begin at their end.
      for (const { name } of counted) {
        const ends = await admin.bounds(name);
        await admin.setOffsets(
          groupId,
          name,
          ends.map(({ partition, end }) => ({ partition, offset: end })),
        );
      }
      await consumer.start({
        onBatch(batch) {
          for (const record of batch.records) count(batch.topic, record.value);
          batch.settleAll();
        },
        onCrash,
      });
    },

    async lag() {
      const ends = await endsOf(admin, topology);
      const lags = await Promise.all(
        topology.groups.map((group) => lagOf(admin, group.id, group.topics, ends)),
      );
      return lags.filter((lag) => lag !== null);
    },

    async stop() {
      await consumer.stop();
      await admin.deleteGroups([groupId]).catch(() => undefined);
      await admin.close();
    },
  };
}

type Bounds = ReadonlyMap<string, ReadonlyMap<number, { readonly start: number; readonly end: number }>>;

async function endsOf(admin: KafkaAdmin, topology: Topology): Promise<Bounds> {
  const names = new Set(topology.groups.flatMap((group) => group.topics));
  const entries = await Promise.all(
    [...names].map(async (name) => {
      const bounds = await admin.bounds(name);
      return [name, new Map(bounds.map(({ partition, start, end }) => [partition, { start, end }]))] as const;
    }),
  );
  return new Map(entries);
}

async function lagOf(
  admin: KafkaAdmin,
  group: string,
  topics: readonly string[],
  ends: Bounds,
): Promise<GroupLag | null> {
  const committed = await admin.committedOffsets(group, topics);
  const positions = new Map(
    committed.map(({ topic, partition, offset }) => [`${topic}:${partition}`, offset]),
  );
  if (committed.every(({ offset }) => offset === null)) return null;
  let records = 0;
  for (const topic of topics) {
    for (const [partition, { start, end }] of ends.get(topic) ?? []) {
      records += Math.max(0, end - (positions.get(`${topic}:${partition}`) ?? start));
    }
  }
  return { group, records };
}
