import { webhookId, type Delivery } from "@ethhook/schemas";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  deliveryOf,
  startDeliveryStage,
  type DeliveryStage,
  type TestEndpoint,
} from "../support/delivery-stage.ts";
import { addressOf } from "../support/messages.ts";
import { startTestReceiver, status, type Post, type TestReceiver } from "../support/test-receiver.ts";
import type { ServiceProcess } from "../support/service-process.ts";
import { until } from "../support/until.ts";

let stage: DeliveryStage;
let receiver: TestReceiver;
let delivery: ServiceProcess;

beforeAll(async () => {
  [stage, receiver] = await Promise.all([startDeliveryStage(), startTestReceiver()]);
  delivery = await stage.deliveryProcess();
});
afterAll(async () => {
  await stage.stop();
  await receiver.stop();
});

const quick = { retryScheduleSeconds: [0, 0.3, 0.3, 0.3, 0.3], breaker: { failures: 100 } };
const posts = (path: string) => receiver.posts.filter((post) => post.path === path);
const untilPosts = (path: string, n: number) =>
  until(
    `${n} POSTs to ${path}`,
    async () => posts(path),
    (all) => all.length >= n,
    30_000,
  );
/** Ids in the order of their first successful arrival. */
const firsts = (path: string) => [...new Set(receiver.idsOf(path))];
const rowsOf = async (endpoint: TestEndpoint) =>
  (
    await stage.db.query<{ reason: string; attempts_made: number }>(
      "SELECT reason, attempts_made FROM parked_deliveries WHERE endpoint_id = $1 ORDER BY position",
      [endpoint.id],
    )
  ).rows;
const noneParked = (endpoint: TestEndpoint) =>
  until(
    "nothing parked",
    () => rowsOf(endpoint),
    (rows) => rows.length === 0,
  );
const isParked = async (one: Delivery) =>
  (await stage.db.query("SELECT FROM parked_deliveries WHERE webhook_id = $1", [one.webhookId])).rows
    .length === 1;
const idsOf = (deliveries: readonly Delivery[]) => deliveries.map((one) => one.webhookId);
/** The removal of what `fresh` told. */
const removalOf = (fresh: Delivery): Delivery => {
  const sequence = fresh.sequence + 1_000;
  const { eventId, endpointId } = fresh;
  const id = webhookId({ eventId, sequence, endpointId, kind: "removed" });
  return {
    ...fresh,
    kind: "removed",
    sequence,
    addedSequence: fresh.sequence,
    webhookId: id,
    body: '{"type":"log.removed"}',
  };
};

test("with an order, a failed event holds up the next ones until it succeeded; numbers tell of gaps and repeats", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/ordered`, { ordering: "endpoint", ...quick });
  const events = Array.from({ length: 12 }, (_, n) => deliveryOf(endpoint, n));
  const failing = new Map([
    [events[2]!.webhookId, 2],
    [events[7]!.webhookId, 1],
  ]);
  const taken: string[] = [];
  receiver.answer("/ordered", (post, response) => {
    const left = failing.get(post.webhookId) ?? 0;
    failing.set(post.webhookId, left - 1);
    if (left <= 0) taken.push(post.webhookId);
    status(left > 0 ? 500 : 200)(post, response);
  });
  await stage.produce(events);
  await untilPosts("/ordered", 15);
  expect(taken).toEqual(idsOf(events));
  const numbers = new Map(
    posts("/ordered").map((post) => [post.webhookId, post.headers["ethhook-sequence"]]),
  );
  expect([...numbers.values()]).toEqual(events.map((_, n) => String(n + 1)));
  for (const post of posts("/ordered")) {
    expect(post.headers["ethhook-sequence"]).toBe(numbers.get(post.webhookId));
    const n = events.findIndex((event) => event.webhookId === post.webhookId);
    expect(post.headers["ethhook-previous-id"]).toBe(events[n - 1]?.webhookId);
  }
  await noneParked(endpoint);
});

test("ordered by contract, one contract's failure does not hold up another's events", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/by-contract`, { ordering: "contract", ...quick });
  const events = Array.from({ length: 10 }, (_, n) =>
    deliveryOf(endpoint, n, { contract: addressOf(n % 2) }),
  );
  let failures = 3;
  receiver.answer("/by-contract", (post, response) => {
    const fails = post.webhookId === events[0]!.webhookId && failures-- > 0;
    status(fails ? 500 : 200)(post, response);
  });
  await stage.produce(events);
  await until(
    "all",
    async () => firsts("/by-contract").length,
    (n) => n === 10,
  );
  const [even, odd] = [0, 1].map((rest) => idsOf(events.filter((_, n) => n % 2 === rest)));
  const arrived = firsts("/by-contract");
  expect(arrived.filter((id) => even!.includes(id))).toEqual(even);
  expect(arrived.filter((id) => odd!.includes(id))).toEqual(odd);
  await untilPosts("/by-contract", 13);
  const last = receiver.idsOf("/by-contract");
  expect(last.lastIndexOf(odd!.at(-1)!), "not behind the failing one").toBeLessThan(
    last.lastIndexOf(events[0]!.webhookId),
  );
});

test("a killed process's successor keeps the order: the failed head first, then what waits, then what comes", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/killed`, {
    ordering: "endpoint",
    retryScheduleSeconds: [0, 1, 1, 1, 1, 1, 1, 1, 1],
    breaker: { failures: 100 },
  });
  const events = Array.from({ length: 12 }, (_, n) => deliveryOf(endpoint, n));
  let ill = true;
  receiver.answer("/killed", (post, response) =>
    status(ill && post.webhookId === events[4]!.webhookId ? 503 : 200)(post, response),
  );
  await stage.produce(events.slice(0, 8));
  await until(
    "parked behind the head",
    () => rowsOf(endpoint),
    (rows) => rows.length === 4,
  );
  delivery.signal("SIGKILL");
  await delivery.exited;
  await stage.produce(events.slice(8));
  delivery = await stage.deliveryProcess();
  await until(
    "all parked",
    () => rowsOf(endpoint),
    (rows) => rows.length === 8,
    30_000,
  );
  ill = false;
  await until(
    "all",
    async () => firsts("/killed").length,
    (n) => n === 12,
    30_000,
  );
  expect(firsts("/killed")).toEqual(idsOf(events));
  await noneParked(endpoint);
});

test("a removal after its log arrives after it", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/delivered-first`);
  const fresh = deliveryOf(endpoint, 1);
  await stage.produce([fresh]);
  await untilPosts("/delivered-first", 1);
  await stage.produce([removalOf(fresh)]);
  await untilPosts("/delivered-first", 2);
  expect(receiver.idsOf("/delivered-first")).toEqual([fresh.webhookId, removalOf(fresh).webhookId]);
});

test("a removal waits for its log's POST under way", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/in-flight`);
  const fresh = deliveryOf(endpoint, 1);
  const answers: (() => void)[] = [];
  receiver.answer("/in-flight", (post, response) => void answers.push(() => status(200)(post, response)));
  await stage.produce([fresh]);
  await untilPosts("/in-flight", 1);
  const sentinel = deliveryOf(endpoint, 2);
  await stage.produce([removalOf(fresh), sentinel]);
  await untilPosts("/in-flight", 2);
  expect(receiver.idsOf("/in-flight"), "the sentinel passed, the removal waits").toEqual([
    fresh.webhookId,
    sentinel.webhookId,
  ]);
  for (const answer of answers.splice(0)) answer();
  await untilPosts("/in-flight", 3);
  expect(receiver.idsOf("/in-flight").at(-1)).toBe(removalOf(fresh).webhookId);
  for (const answer of answers) answer();
});

test("a removal cancels its log when that waits after a failed attempt, and is sent in its place", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/parked-tried`, {
    retryScheduleSeconds: [0, 600, 600],
  });
  const fresh = deliveryOf(endpoint, 1);
  receiver.answer("/parked-tried", (post, response) =>
    status(post.webhookId === fresh.webhookId ? 500 : 200)(post, response),
  );
  await stage.produce([fresh]);
  await until(
    "parked",
    () => rowsOf(endpoint),
    (rows) => rows.length === 1,
  );
  await stage.produce([removalOf(fresh)]);
  await untilPosts("/parked-tried", 2);
  expect(receiver.idsOf("/parked-tried")).toEqual([fresh.webhookId, removalOf(fresh).webhookId]);
  await noneParked(endpoint);
});

test.each(["none", "endpoint"] as const)(
  "neither a log nor its removal is sent when the log waited and was never begun (ordering: %s)",
  async (ordering) => {
    const path = `/never-heard-${ordering}`;
    const endpoint = await stage.endpoint(`${receiver.url}${path}`, { ordering });
    await stage.db.query("UPDATE endpoints SET status = 'paused' WHERE id = $1", [endpoint.id]);
    const fresh = deliveryOf(endpoint, 1);
    let n = 100;
    // From some record on, nobody before this process can have begun it.
    await until(
      "the process is the owner for longer than clocks differ",
      async () => {
        await stage.produce([deliveryOf(endpoint, (n += 1))]);
        const { rows } = await stage.db.query(
          "SELECT FROM parked_deliveries WHERE endpoint_id = $1 AND NOT unsure",
          [endpoint.id],
        );
        return rows.length;
      },
      (n) => n > 0,
    );
    await stage.produce([fresh]);
    await until(
      "parked",
      () => isParked(fresh),
      (parked) => parked,
    );
    await stage.produce([removalOf(fresh)]);
    await until(
      "taken back",
      () => isParked(fresh),
      (parked) => !parked,
    );
    await stage.db.query("UPDATE endpoints SET status = 'enabled' WHERE id = $1", [endpoint.id]);
    const sentinel = deliveryOf(endpoint, 10);
    await stage.produce([sentinel]);
    await until(
      "the sentinel",
      async () => receiver.idsOf(path),
      (ids) => ids.includes(sentinel.webhookId),
    );
    await noneParked(endpoint);
    expect(receiver.idsOf(path)).not.toContain(fresh.webhookId);
    expect(receiver.idsOf(path)).not.toContain(removalOf(fresh).webhookId);
  },
);

test("in order, a removal of a failed log takes its place, and what waited behind follows", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/ordered-removal`, {
    ordering: "endpoint",
    retryScheduleSeconds: [0, 600, 600],
  });
  const [fresh, next] = [deliveryOf(endpoint, 1), deliveryOf(endpoint, 2)];
  receiver.answer("/ordered-removal", (post, response) =>
    status(post.webhookId === fresh.webhookId ? 500 : 200)(post, response),
  );
  await stage.produce([fresh, next]);
  await until(
    "both parked",
    () => rowsOf(endpoint),
    (rows) => rows.length === 2,
  );
  await stage.produce([removalOf(fresh)]);
  await untilPosts("/ordered-removal", 3);
  expect(receiver.idsOf("/ordered-removal")).toEqual(idsOf([fresh, next, removalOf(fresh)]));
  await noneParked(endpoint);
});

interface BlockBody {
  readonly type: string;
  readonly data: {
    readonly count: number;
    readonly events: readonly { readonly data: { readonly n: number } }[];
  };
}
const blockOf = (endpoint: TestEndpoint, block: number, events: number) =>
  Array.from({ length: events }, (_, n) =>
    deliveryOf(endpoint, block * 100 + n, {
      blockNumber: block,
      blockHash: `0x${String(block).padStart(64, "b")}`,
      sequence: block,
      addedSequence: block,
      logIndex: n,
    }),
  );
const bodyOf = (post: Post) => JSON.parse(post.body) as BlockBody;

test("a block's matches go out in one POST, are retried as one, and the next block is another one", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/blocks`, { batch: "block", ...quick });
  let failures = 1;
  receiver.answer("/blocks", (post, response) => status(failures-- > 0 ? 500 : 200)(post, response));
  await stage.produce([...blockOf(endpoint, 1, 5), ...blockOf(endpoint, 2, 3)]);
  const all = await untilPosts("/blocks", 3);
  const distinct = new Map(all.map((post) => [post.webhookId, post]));
  expect(
    [...distinct.values()]
      .map((post) => bodyOf(post))
      .map(({ type, data }) => [type, data.count, data.events.map((event) => event.data.n)])
      .toSorted(([, a], [, b]) => Number(a) - Number(b)),
  ).toEqual([
    ["block.new", 3, [200, 201, 202]],
    ["block.new", 5, [100, 101, 102, 103, 104]],
  ]);
  for (const post of all) expect(post.body).toBe(distinct.get(post.webhookId)!.body);
  const attempts = await until(
    "three attempts",
    async () => (await stage.attempts()).filter((a) => a.endpointId === endpoint.id),
    (a) => a.length === 3,
  );
  expect(new Set(attempts.map((a) => a.batch?.length))).toEqual(new Set([5, 3]));
});

test("a batch is cut at its size, and a removed block is one POST after it", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/cut`, {
    batch: "block",
    batchEventsMax: 4,
    ordering: "endpoint",
  });
  const block = blockOf(endpoint, 7, 6);
  await stage.produce(block);
  await untilPosts("/cut", 2);
  await stage.produce(block.map(removalOf));
  const all = await untilPosts("/cut", 4);
  expect(all.map((post) => [bodyOf(post).type, bodyOf(post).data.count])).toEqual([
    ["block.new", 4],
    ["block.new", 2],
    ["block.removed", 4],
    ["block.removed", 2],
  ]);
  await noneParked(endpoint);
});

test("members of a batch that are read again after a crash do not go out in another one", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/again`, { batch: "block" });
  const block = blockOf(endpoint, 3, 4);
  await stage.produce(block);
  await untilPosts("/again", 1);
  await stage.produce([...block, ...blockOf(endpoint, 4, 1)]);
  const all = await untilPosts("/again", 2);
  expect(all.map((post) => bodyOf(post).data.count)).toEqual([4, 1]);
});
