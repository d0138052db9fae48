import { createLogger } from "@ethhook/kit";
import { createMemoryBroker } from "@ethhook/kit/testing";
import { deliveryCodec } from "@ethhook/schemas";
import { afterEach, expect, test, vi } from "vitest";
import type { Job } from "./core/job.ts";
import { sampleDelivery } from "./core/testing/sample-jobs.ts";
import type { OrderHead } from "./adapters/postgres-orders.ts";
import { createGroupMember, type MemberPipeline } from "./group-member.ts";

const topic = "deliveries";
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** A member over the in-memory broker, and the jobs that it took over. `queued` is what it believes to wait in memory. */
async function join(
  given: {
    heads?: readonly OrderHead[];
    ends?: ReadonlyMap<number, number>;
    restore?: MemberPipeline["sequencer"]["restore"];
  } = {},
) {
  const broker = createMemoryBroker({ topics: { [topic]: 2 }, recordsPerFetch: 2 });
  const jobs: Job[] = [];
  const stats = { lanes: 0, queued: 0, queuedBytes: 0, young: 0, slow: 0, saturated: false };
  const lines: string[] = [];
  const nothing = async () => undefined;
  const member = createGroupMember({
    consumer: broker.consumer({ groupId: "delivery", topics: [topic] }),
    replayTopic: "deliveries.replay",
    pipeline: {
      dispatcher: { stats, open: () => undefined, secure: nothing },
      intake: { take: (taken) => void jobs.push(...taken) },
      sequencer: { restore: given.restore ?? (() => undefined), read: () => undefined },
      removals: { restore: () => undefined },
      withdraw: () => undefined,
    },
    releaseLoop: { assigned: nothing },
    trouble: { assigned: nothing, flush: nothing },
    orders: { heads: async () => given.heads ?? [], takenBack: async () => [] },
    ends: async () => given.ends ?? new Map(),
    now: Date.now,
    logger: createLogger({
      name: "test",
      level: "error",
      destination: { write: (line) => void lines.push(line) },
    }),
  });
  await member.start();
  stops.push(() => member.stop());
  const producer = broker.producer();
  await producer.start();
  const write = (partition: number, values: readonly string[]) =>
    producer.send(values.map((value) => ({ topic, key: "ep_1", value, partition })));
  const taken = (partition: number) =>
    jobs.filter((job) => job.partition === partition).map((job) => job.delivery.webhookId);
  return { broker, member, jobs, stats, lines, write, taken };
}

const record = (n: number) => deliveryCodec.encode(sampleDelivery(n));
const ids = (...numbers: number[]) => numbers.map((n) => sampleDelivery(n).webhookId);
const fromTheFuture = JSON.stringify({ ...sampleDelivery(3), v: 2 });

test("a record of a newer version stops its partition there, and it says so; others go on, whatever waits in memory", async () => {
  const { broker, member, jobs, stats, lines, write, taken } = await join();
  await write(0, [record(1), record(2), fromTheFuture, record(4)]);
  await write(1, [record(5)]);
  await vi.waitFor(() => expect([taken(0), taken(1)]).toEqual([ids(1, 2), ids(5)]));
  await vi.waitFor(() => expect(member.standstills()).toHaveLength(1));
  expect(member.standstills()[0]).toMatch(/^deliveries\/0@2 .*newer version: upgrade this process$/);
  expect(lines.join("")).toContain("upgrade this process");
  // A full memory pauses every partition; when it is empty again, all go on but the one that stands still.
  stats.queued = 100_000;
  await write(1, [record(6)]);
  await vi.waitFor(() => expect(taken(1)).toEqual(ids(5, 6)));
  stats.queued = 0;
  await write(0, [record(7)]);
  await write(1, [record(8)]);
  await vi.waitFor(() => expect(taken(1)).toEqual(ids(5, 6, 8)));
  expect(taken(0)).toEqual(ids(1, 2));
  for (const job of jobs) job.settle();
  await member.stop();
  const committed = (partition: number) => broker.group("delivery").committed({ topic, partition });
  expect([committed(0), committed(1)], "an upgraded process begins with that record").toEqual([2, 3]);
});

test("while the pool has no free place, few deliveries wait in memory; with free places, those of busy endpoints may be many", async () => {
  const { stats, write, taken } = await join();
  stats.queued = 500;
  await write(0, [record(1)]);
  await vi.waitFor(() => expect(taken(0)).toEqual(ids(1)));
  await write(0, [record(2)]);
  await vi.waitFor(() => expect(taken(0), "free places").toEqual(ids(1, 2)));
  stats.saturated = true;
  await write(0, [record(3)]);
  await vi.waitFor(() => expect(taken(0)).toEqual(ids(1, 2, 3)));
  await write(0, [record(4)]);
  await write(1, [record(5)]);
  await new Promise((resolve) => setImmediate(resolve));
  expect([taken(0), taken(1)], "held").toEqual([ids(1, 2, 3), []]);
  stats.saturated = false;
  await vi.waitFor(() => expect([taken(0), taken(1)]).toEqual([ids(1, 2, 3, 4), ids(5)]));
});

test("what no version can read is settled and told of; what follows it goes on", async () => {
  const { member, lines, write, taken } = await join();
  await write(0, [record(1), "not JSON", record(2)]);
  await vi.waitFor(() => expect(taken(0)).toEqual(ids(1, 2)));
  expect(member.standstills()).toEqual([]);
  expect(lines.join("")).toContain("delivery.unreadable");
});

test("where the topic ends is asked only when something waits with a place that was not read yet", async () => {
  const head = { orderKey: "ep_1", endpointId: "ep_1", partition: 0, dueAtMs: 0 };
  const ends = new Map([[0, 3]]);
  const told: (ReadonlyMap<number, number> | undefined)[] = [];
  const restore: MemberPipeline["sequencer"]["restore"] = (_, __, known) => void told.push(known);
  await join({ heads: [], ends, restore });
  // The topic was made anew: its offsets began again, and so did the group's.
  await join({ heads: [{ ...head, offset: 7 }], ends, restore });
  expect(told).toEqual([new Map(), ends]);
});
