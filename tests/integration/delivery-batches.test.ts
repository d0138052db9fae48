import { afterAll, beforeAll, expect, test } from "vitest";
import {
  blockOf,
  removalOf,
  startDeliveryStage,
  type DeliveryStage,
  type TestEndpoint,
} from "../support/delivery-stage.ts";
import { startTestReceiver, status, type Post, type TestReceiver } from "../support/test-receiver.ts";
import { until } from "../support/until.ts";

let stage: DeliveryStage;
let receiver: TestReceiver;

beforeAll(async () => {
  [stage, receiver] = await Promise.all([startDeliveryStage(), startTestReceiver()]);
  await stage.deliveryProcess();
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
  );
interface Row {
  readonly reason: string;
  readonly attempts_made: number;
  readonly unsure: boolean;
}
const rowsOf = async ({ id }: TestEndpoint) =>
  (
    await stage.db.query<Row>(
      "SELECT reason, attempts_made, unsure FROM parked_deliveries WHERE endpoint_id = $1 ORDER BY position",
      [id],
    )
  ).rows;
const untilRows = (endpoint: TestEndpoint, ...reasons: readonly string[]) =>
  until(
    `rows: ${reasons.join(", ")}`,
    () => rowsOf(endpoint),
    (rows) => rows.map((row) => row.reason).join() === reasons.join(),
  );
const untilCommitted = () =>
  until(
    "every offset is committed",
    () => stage.uncommitted(),
    (records) => records === 0,
  );
const setStatus = ({ id }: TestEndpoint, to: string) =>
  stage.db.query("UPDATE endpoints SET status = $2 WHERE id = $1", [id, to]);

interface BlockBody {
  readonly type: string;
  readonly data: {
    readonly count: number;
    readonly events: readonly { readonly data: { readonly n: number } }[];
  };
}
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
  await untilRows(endpoint);
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

/** What each POST told, in the order in which they came: `block.new 100` begins with log 100. */
const told = (path: string) =>
  posts(path).map((post) => `${bodyOf(post).type} ${bodyOf(post).data.events[0]?.data?.n ?? "-"}`);

test("a removed block waits for its batch's POST under way, in a row of its own: offsets go on meanwhile", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/in-flight`, { batch: "block" });
  const answers: (() => void)[] = [];
  receiver.answer("/in-flight", (post, response) => void answers.push(() => status(200)(post, response)));
  const block = blockOf(endpoint, 1, 3);
  await stage.produce(block);
  await untilPosts("/in-flight", 1);
  await stage.produce(block.map(removalOf));
  await untilRows(endpoint, "sending", "sending");
  await untilCommitted();
  expect(told("/in-flight"), "not before the first was answered").toEqual(["block.new 100"]);
  receiver.answer("/in-flight", status(200));
  for (const answer of answers) answer();
  await untilPosts("/in-flight", 2);
  expect(told("/in-flight")).toEqual(["block.new 100", "block.removed -"]);
  await untilRows(endpoint);
});

test.each(["none", "endpoint"] as const)(
  "a removed block takes the place of its batch that waits after a failure (ordering: %s)",
  async (ordering) => {
    const path = `/tried-${ordering}`;
    const endpoint = await stage.endpoint(`${receiver.url}${path}`, {
      batch: "block",
      ordering,
      retryScheduleSeconds: [0, 600, 600],
    });
    receiver.answer(path, status(500));
    const block = blockOf(endpoint, 1, 3);
    await stage.produce(block);
    await untilRows(endpoint, "retry");
    receiver.answer(path, status(200));
    await stage.produce(block.map(removalOf));
    await untilPosts(path, 2);
    expect(told(path)).toEqual(["block.new 100", "block.removed -"]);
    await untilRows(endpoint);
    await untilCommitted();
  },
);

test.each(["none", "endpoint"] as const)(
  "neither a batch nor its removed block is sent when the batch waited and was never begun (ordering: %s)",
  async (ordering) => {
    const path = `/unheard-${ordering}`;
    const endpoint = await stage.endpoint(`${receiver.url}${path}`, { batch: "block", ordering });
    await setStatus(endpoint, "paused");
    let number = 1;
    await until(
      "the process is the owner for longer than clocks differ",
      async () => {
        await stage.produce(blockOf(endpoint, (number += 1), 1));
        return rowsOf(endpoint);
      },
      (rows) => rows.some((row) => row.reason !== "sending" && !row.unsure),
    );
    await stage.db.query("SELECT cancel_parked($1)", [endpoint.id]);
    const block = blockOf(endpoint, 1, 3);
    await stage.produce(block);
    const isParked = async () =>
      (
        await stage.db.query(
          `SELECT FROM batch_members m JOIN parked_deliveries p ON p.webhook_id = m.batch_id
           WHERE m.webhook_id = $1 AND p.reason <> 'sending'`,
          [block[0]!.webhookId],
        )
      ).rows.length === 1;
    await until("the batch is parked", isParked, (parked) => parked);
    await stage.produce(block.map(removalOf));
    await until("the batch is taken back", isParked, (parked) => !parked);
    await setStatus(endpoint, "enabled");
    await stage.produce(blockOf(endpoint, 90, 1));
    await until(
      "the sentinel",
      () => told(path),
      (all) => all.includes("block.new 9000"),
    );
    await untilRows(endpoint);
    await untilCommitted();
    expect(told(path)).not.toContain("block.new 100");
    expect(told(path)).not.toContain("block.removed -");
  },
);

test("a batch on its way back that its removed block meets in the lane is settled, and never sent after it", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/returning`, { batch: "block", concurrency: 1 });
  const answers: (() => void)[] = [];
  receiver.answer("/returning", (post, response) => void answers.push(() => status(200)(post, response)));
  await setStatus(endpoint, "paused");
  const block = blockOf(endpoint, 2, 3);
  await stage.produce([...blockOf(endpoint, 1, 1), ...block]);
  await untilRows(endpoint, "paused", "paused");
  await setStatus(endpoint, "enabled");
  await untilPosts("/returning", 1);
  expect(told("/returning"), "the second one waits for the first").toEqual(["block.new 100"]);
  await stage.produce(block.map(removalOf));
  await untilCommitted();
  receiver.answer("/returning", status(200));
  for (const answer of answers) answer();
  await stage.produce(blockOf(endpoint, 3, 1));
  await until(
    "the sentinel",
    () => told("/returning"),
    (all) => all.includes("block.new 300"),
  );
  await untilRows(endpoint);
  expect(told("/returning")).not.toContain("block.new 200");
});
