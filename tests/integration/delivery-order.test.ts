import type { Delivery } from "@ethhook/schemas";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  deliveryOf,
  removalOf,
  startDeliveryStage,
  type DeliveryStage,
  type TestEndpoint,
} from "../support/delivery-stage.ts";
import { addressOf } from "../support/messages.ts";
import { startTestReceiver, status, type TestReceiver } from "../support/test-receiver.ts";
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
    // Both once more, as they are read again after a crash before their offsets were committed.
    await stage.produce([fresh, removalOf(fresh), sentinel]);
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

/** The first of some ordered events failed, and all of them wait for long. */
async function stuck(path: string, events: number) {
  const endpoint = await stage.endpoint(`${receiver.url}${path}`, {
    ordering: "endpoint",
    retryScheduleSeconds: [0, 600, 600],
  });
  const all = Array.from({ length: events }, (_, n) => deliveryOf(endpoint, n));
  receiver.answer(path, status(500));
  await stage.produce(all);
  await until(
    "all parked",
    () => rowsOf(endpoint),
    (rows) => rows.length === events,
  );
  receiver.answer(path, status(200));
  return { endpoint, all };
}

test("retry now of a failed ordered event sends it, and then what waits behind it", async () => {
  const { endpoint, all } = await stuck("/retry-head", 4);
  await stage.db.query("SELECT retry_parked($1, $2)", [endpoint.id, all[0]!.webhookId]);
  await untilPosts("/retry-head", 5);
  expect(receiver.idsOf("/retry-head")).toEqual([all[0]!.webhookId, ...idsOf(all)]);
  await noneParked(endpoint);
});

test("retry now does not let an ordered event overtake; when the one before it is cancelled, it follows", async () => {
  const { endpoint, all } = await stuck("/cancel-head", 3);
  const [head, second] = all;
  await stage.db.query("SELECT retry_parked($1, $2)", [endpoint.id, second!.webhookId]);
  const sentinel = deliveryOf(endpoint, 3);
  await stage.produce([sentinel]);
  await until(
    "the sentinel waits behind",
    () => isParked(sentinel),
    (parked) => parked,
  );
  expect(receiver.idsOf("/cancel-head")).toEqual([head!.webhookId]);
  await stage.db.query("SELECT cancel_parked($1, $2)", [endpoint.id, head!.webhookId]);
  await untilPosts("/cancel-head", 4);
  expect(receiver.idsOf("/cancel-head")).toEqual(idsOf([...all, sentinel]));
  await noneParked(endpoint);
});

test("a replay comes beside the order, without its numbers, and leaves what waits in order as it is", async () => {
  const { endpoint, all } = await stuck("/replayed", 3);
  const replay = deliveryOf(endpoint, 2, { origin: "replay" });
  await stage.produce([replay]);
  const [, beside] = await untilPosts("/replayed", 2);
  expect([beside!.webhookId, beside!.headers["ethhook-sequence"]]).toEqual([replay.webhookId, undefined]);
  expect((await rowsOf(endpoint)).map((row) => row.attempts_made)).toEqual([1, 0, 0]);
  await stage.db.query("SELECT retry_parked($1)", [endpoint.id]);
  const inOrder = (await untilPosts("/replayed", 5)).slice(2);
  expect(inOrder.map((post) => [post.webhookId, post.headers["ethhook-sequence"]])).toEqual(
    all.map((one, n) => [one.webhookId, String(n + 1)]),
  );
  await noneParked(endpoint);
});
