import { afterAll, beforeAll, expect, test } from "vitest";
import {
  deliveryOf,
  startDeliveryStage,
  type DeliveryStage,
  type TestEndpoint,
} from "../support/delivery-stage.ts";
import { startTestReceiver, status, type TestReceiver } from "../support/test-receiver.ts";
import type { ServiceProcess } from "../support/service-process.ts";
import { until } from "../support/until.ts";

let stage: DeliveryStage;
let receiver: TestReceiver;
let delivery: ServiceProcess;

beforeAll(async () => {
  [stage, receiver] = await Promise.all([startDeliveryStage(), startTestReceiver()]);
  delivery = await stage.deliveryProcess({ PARKED_PER_ENDPOINT_MAX: "30" });
});
afterAll(async () => {
  await stage.stop();
  await receiver.stop();
});

const posts = (path: string) => receiver.posts.filter((post) => post.path === path);
const untilPosts = (path: string, n: number, deadlineMs?: number) =>
  until(
    `${n} POSTs to ${path}`,
    async () => posts(path),
    (all) => all.length >= n,
    deadlineMs,
  );
const rowsOf = async (endpoint: { id: string }) => {
  const sql =
    "SELECT reason, due_at, webhook_id, attempts_made FROM parked_deliveries WHERE endpoint_id = $1 ORDER BY position";
  return (
    await stage.db.query<{ reason: string; due_at: Date; webhook_id: string; attempts_made: number }>(sql, [
      endpoint.id,
    ])
  ).rows;
};
const setStatus = (endpoint: { id: string }, to: string) =>
  stage.db.query("UPDATE endpoints SET status = $2 WHERE id = $1", [endpoint.id, to]);
const statusOf = async (endpoint: { id: string }) =>
  (
    await stage.db.query<{ status: string; disabled_reason: string | null }>(
      "SELECT status, disabled_reason FROM endpoints WHERE id = $1",
      [endpoint.id],
    )
  ).rows[0];

/** A gauge of the delivery process as Prometheus would see it. */
const gauge = async (name: string, label: string) => {
  const text = await (await fetch(`${delivery.url}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith(`${name}{`) && one.includes(label));
  return line === undefined ? undefined : Number(line.split(" ").at(-1));
};

test("what comes for a paused endpoint is parked, and goes out when it is resumed", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/paused`);
  await setStatus(endpoint, "paused");
  await stage.produce([deliveryOf(endpoint, 2), deliveryOf(endpoint, 3)]);
  const rows = await until(
    "two rows",
    () => rowsOf(endpoint),
    (all) => all.length === 2,
  );
  expect(rows.map((row) => [row.reason, row.attempts_made])).toEqual([
    ["paused", 0],
    ["paused", 0],
  ]);
  await setStatus(endpoint, "enabled");
  await untilPosts("/paused", 2);
  expect(new Set(receiver.idsOf("/paused")).size).toBe(2);
});

test("410 disables the endpoint with a reason, keeps the delivery, and enabling it sends it again", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/gone`, { retryScheduleSeconds: [0, 0.1, 0.1, 0.1] });
  receiver.answer("/gone", status(410));
  await stage.produce([deliveryOf(endpoint, 1)]);
  const row = await until(
    "disabled",
    () => statusOf(endpoint),
    (now) => now?.status === "disabled",
  );
  expect(row?.disabled_reason).toContain("410");
  receiver.answer("/gone", status(200));
  await setStatus(endpoint, "enabled");
  await untilPosts("/gone", 2);
});

test("Retry-After keeps the endpoint quiet for as long as it asks", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/throttles`, { retryScheduleSeconds: [0, 0.1, 0.1] });
  receiver.answer("/throttles", status(429, { "retry-after": "2" }));
  await stage.produce([deliveryOf(endpoint, 1)]);
  const [first] = await untilPosts("/throttles", 1);
  receiver.answer("/throttles", status(200));
  await stage.produce([deliveryOf(endpoint, 2)]);
  const all = await untilPosts("/throttles", 3);
  expect(all[1]!.atMs - first!.atMs).toBeGreaterThanOrEqual(1_900);
});

test("five failures open the breaker; a restarted process still knows; one probe closes it and the rest follows", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/breaks`, { breaker: { openSeconds: 9 } });
  receiver.answer("/breaks", status(503));
  await stage.produce(Array.from({ length: 8 }, (_, n) => deliveryOf(endpoint, n)));
  await until(
    "all parked",
    () => rowsOf(endpoint),
    (rows) => rows.length === 8,
  );
  const sent = posts("/breaks").length;
  expect(sent).toBeGreaterThanOrEqual(5);
  await until(
    "the open breaker is stored",
    async () => {
      const { rows } = await stage.db.query(
        "SELECT open_until FROM endpoint_health WHERE endpoint_id = $1 AND open_until > now()",
        [endpoint.id],
      );
      return rows.length;
    },
    (n) => n === 1,
  );
  await delivery.stop();
  delivery = await stage.deliveryProcess({ PARKED_PER_ENDPOINT_MAX: "30" });
  const waiting = async (reason: string) =>
    (await gauge("ethhook_delivery_parked_deliveries", `reason="${reason}"`)) ?? 0;
  expect((await waiting("retry")) + (await waiting("breaker")), "the gauge counts what waits").toBe(8);
  await stage.produce([deliveryOf(endpoint, 8)]);
  await until(
    "parked by the restored breaker",
    () => rowsOf(endpoint),
    (rows) => rows.some((row) => row.reason === "breaker"),
  );
  receiver.answer("/breaks", status(200));
  await until(
    "everything arrived",
    async () => new Set(receiver.idsOf("/breaks")).size,
    (n) => n === 9,
  );
  await until(
    "nothing parked",
    () => rowsOf(endpoint),
    (rows) => rows.length === 0,
  );
});

test("an operational endpoint hears of failing, recovered, disabled and exhausted", async () => {
  await stage.endpoint(`${receiver.url}/ops`, { operationalEvents: true });
  const endpoint = await stage.endpoint(`${receiver.url}/troubled`, {
    breaker: { failures: 2, openSeconds: 1 },
    retryScheduleSeconds: [0, 0.1],
  });
  const types = () =>
    posts("/ops")
      .map((post) => JSON.parse(post.body) as { type: string; data: { endpointId: string } })
      .filter(({ data }) => data.endpointId === endpoint.id)
      .map(({ type }) => type);
  receiver.answer("/troubled", status(500));
  await stage.produce([deliveryOf(endpoint, 1), deliveryOf(endpoint, 2)]);
  await until(
    "failing and exhausted",
    async () => types(),
    (all) => all.includes("endpoint.failing") && all.includes("delivery.exhausted"),
  );
  receiver.answer("/troubled", status(200));
  await stage.produce([deliveryOf(endpoint, 3)]);
  await until(
    "recovered",
    async () => types(),
    (all) => all.includes("endpoint.recovered"),
  );
  receiver.answer("/troubled", status(410));
  await stage.produce([deliveryOf(endpoint, 4)]);
  await until(
    "disabled",
    async () => types(),
    (all) => all.includes("endpoint.disabled"),
  );
  // Once in each trouble: the 410 after the recovery may be another one, as the breaker still counts what failed before.
  const untilRecovered = types().slice(0, types().indexOf("endpoint.recovered"));
  expect(untilRecovered.filter((type) => type === "endpoint.failing")).toHaveLength(1);
});

test("more than an endpoint may park ends in the dead letters, with that reason", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/overflows`);
  await setStatus(endpoint, "paused");
  await stage.produce(Array.from({ length: 30 }, (_, n) => deliveryOf(endpoint, n)));
  await until(
    "thirty rows",
    () => rowsOf(endpoint),
    (rows) => rows.length === 30,
  );
  await stage.produce(Array.from({ length: 3 }, (_, n) => deliveryOf(endpoint, 30 + n)));
  const dead = await until(
    "three dead letters",
    async () => (await stage.dead()).filter((letter) => letter.delivery.endpointId === endpoint.id),
    (all) => all.length === 3,
  );
  expect(new Set(dead.map((letter) => letter.reason))).toEqual(new Set(["overflow"]));
  await until(
    "its owner is told",
    async () =>
      posts("/ops").map((post) => JSON.parse(post.body) as { type: string; data: Record<string, unknown> }),
    (notices) =>
      notices.some(
        ({ type, data }) =>
          type === "delivery.exhausted" &&
          data["endpointId"] === endpoint.id &&
          data["reason"] === "overflow",
      ),
  );
  expect(await rowsOf(endpoint)).toHaveLength(30);
});

test("retry now sends at once, and what is cancelled is never sent", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/later`, { retryScheduleSeconds: [0, 600, 600] });
  receiver.answer("/later", status(500));
  const [now, never] = [deliveryOf(endpoint, 1), deliveryOf(endpoint, 2)];
  await stage.produce([now, never]);
  await until(
    "two rows",
    () => rowsOf(endpoint),
    (rows) => rows.length === 2,
  );
  receiver.answer("/later", status(200));
  await stage.db.query("SELECT cancel_parked($1, $2)", [endpoint.id, never.webhookId]);
  await stage.db.query("SELECT retry_parked($1)", [endpoint.id]);
  await untilPosts("/later", 3);
  expect(receiver.idsOf("/later").filter((id) => id === never.webhookId)).toHaveLength(1);
  await until(
    "no row",
    () => rowsOf(endpoint),
    (rows) => rows.length === 0,
  );
});

test("a POST that hangs no longer holds its offset, and its row goes when it succeeds after all", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/hangs`);
  const answers: (() => void)[] = [];
  receiver.answer("/hangs", (post, response) => void answers.push(() => status(200)(post, response)));
  await stage.produce([deliveryOf(endpoint, 1)]);
  await untilPosts("/hangs", 1);
  const [row] = await until(
    "a row stands for it",
    () => rowsOf(endpoint),
    (rows) => rows.length === 1,
  );
  expect(row).toMatchObject({ reason: "sending", attempts_made: 1 });
  for (const answer of answers) answer();
  await until(
    "the row is gone",
    () => rowsOf(endpoint),
    (rows) => rows.length === 0,
  );
  expect(posts("/hangs")).toHaveLength(1);
});

test("while Postgres is away, endpoints that answer go on and failures wait; then nothing is lost", async () => {
  const [well, ill] = [
    await stage.endpoint(`${receiver.url}/well`),
    await stage.endpoint(`${receiver.url}/ill`, {
      retryScheduleSeconds: [0, 0.1, 0.1],
      breaker: { failures: 100 },
    }),
  ];
  await stage.produce([deliveryOf(well, 0)]);
  await untilPosts("/well", 1);
  await stage.produce([deliveryOf(ill, 0)]);
  await untilPosts("/ill", 1);
  receiver.answer("/ill", status(500));
  await stage.killAndRestart("postgres", async () => {
    await stage.produce(
      Array.from({ length: 20 }, (_, n) => [deliveryOf(well, n + 1), deliveryOf(ill, n + 1)]).flat(),
    );
    await untilPosts("/well", 21);
    receiver.answer("/ill", status(200));
  });
  await until(
    "all of the ill one",
    async () => new Set(receiver.idsOf("/ill")).size,
    (n) => n === 21,
    30_000,
  );
  expect(new Set(receiver.idsOf("/well")).size).toBe(21);
});

test.each(["live", "parked"])(
  "an endpoint's rate is kept, a second's worth at once at most: what comes is %s",
  async (how) => {
    const path = `/rated-${how}`;
    const perSecond = 10;
    const endpoint = await stage.endpoint(`${receiver.url}${path}`, { ratePerSecond: perSecond });
    const sent = Array.from({ length: 30 }, (_, n) => deliveryOf(endpoint, n));
    if (how === "parked") await setStatus(endpoint, "paused");
    await stage.produce(sent);
    if (how === "parked") {
      await until(
        "all parked",
        () => rowsOf(endpoint),
        (rows) => rows.length === sent.length,
      );
      await setStatus(endpoint, "enabled");
    }
    const arrivals = (await untilPosts(path, sent.length)).map((post) => post.atMs);
    // Of any stretch: the burst, what the rate adds in its time, and half a second's worth for POSTs that took longer than others.
    const excess = arrivals.flatMap((from, first) =>
      arrivals.slice(first).map((to, n) => n + 1 - perSecond - ((to - from) / 1_000) * perSecond),
    );
    expect(Math.max(...excess)).toBeLessThanOrEqual(perSecond / 2);
    await until(
      "nothing parked",
      () => rowsOf(endpoint),
      (rows) => rows.length === 0,
    );
    expect(receiver.idsOf(path).toSorted()).toEqual(sent.map((one) => one.webhookId).toSorted());
  },
);

test("of twenty endpoints ten hang: the others are served round after round before one hanging POST has ended", async () => {
  const [hanging, well] = await Promise.all(
    ["hanging", "well"].map((name) =>
      Promise.all(Array.from({ length: 10 }, (_, n) => stage.endpoint(`${receiver.url}/${name}-${n}`))),
    ),
  );
  let ended = 0;
  for (let n = 0; n < 10; n += 1) {
    receiver.answer(`/hanging-${n}`, (_, response) => void response.on("close", () => (ended += 1)));
  }
  const arrived = () => receiver.posts.filter((post) => post.path.startsWith("/well-")).length;
  // More at once than the 50 that the process may have under way: whoever shares a pool with these waits 30 s for each round.
  await stage.produce(
    hanging!.flatMap((endpoint) => Array.from({ length: 10 }, (_, n) => deliveryOf(endpoint, n))),
  );
  const rounds = 15;
  for (let round = 1; round <= rounds; round += 1) {
    const wave = (endpoints: readonly TestEndpoint[], n: number) =>
      endpoints.flatMap((endpoint) =>
        Array.from({ length: n }, (_, k) => deliveryOf(endpoint, round * 10 + k)),
      );
    await stage.produce([...wave(hanging!, 1), ...wave(well!, 4)]);
    await until(`round ${round} of those that answer`, arrived, (n) => n === round * 40);
  }
  const parked = await until(
    "each delivery of a hanging endpoint has its row: no offset waits for it",
    async () => (await Promise.all(hanging!.map(rowsOf))).flat(),
    (rows) => rows.length === 10 * (10 + rounds),
  );
  expect(new Set(parked.map((row) => row.reason))).toEqual(new Set(["sending", "busy"]));
  expect(ended, "hanging POSTs that ended, or were cut").toBe(0);
  expect((await gauge("ethhook_delivery_in_flight_requests", 'pool="young"')) ?? 0).toBe(0);
});
