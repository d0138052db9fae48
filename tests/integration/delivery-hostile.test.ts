import type { ServerResponse } from "node:http";
import type { Attempt } from "@ethhook/schemas";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deliveryOf, startDeliveryStage, type DeliveryStage } from "../support/delivery-stage.ts";
import { sampleAttempt } from "../support/messages.ts";
import type { ServiceProcess } from "../support/service-process.ts";
import { hang, startTestReceiver, status, type TestReceiver } from "../support/test-receiver.ts";
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

const untilPosts = (path: string, n: number) =>
  until(
    `${n} POSTs to ${path}`,
    async () => receiver.posts.filter((post) => post.path === path).length,
    (all) => all >= n,
  );
interface Row {
  readonly reason: string;
  readonly webhook_id: string;
  readonly attempts_made: number;
  readonly attempts: readonly Attempt[];
}
const rowsOf = async (endpoint: { id: string }) =>
  (
    await stage.db.query<Row>(
      "SELECT reason, webhook_id, attempts_made, attempts FROM parked_deliveries WHERE endpoint_id = $1 ORDER BY position",
      [endpoint.id],
    )
  ).rows;
const untilRows = (endpoint: { id: string }, n: number) =>
  until(
    `${n} rows`,
    () => rowsOf(endpoint),
    (rows) => rows.length === n,
  );
const setStatus = (endpoint: { id: string }, to: string) =>
  stage.db.query("UPDATE endpoints SET status = $2 WHERE id = $1", [endpoint.id, to]);
const later = { retryScheduleSeconds: [0, 600] };

test("nothing that a receiver answers ends the process or holds up what others have to park", async () => {
  const answers: Record<string, (response: ServerResponse) => void> = {
    inherited: (response) => response.writeHead(500, { "content-encoding": "constructor" }).end("x"),
    prototype: (response) => response.writeHead(500, { "content-encoding": "__proto__" }).end("x"),
    encodings: (response) =>
      response.writeHead(500, ["content-encoding", "gzip", "content-encoding", "br"]).end("x"),
    waits: (response) => response.writeHead(503, ["retry-after", "1", "retry-after", "2"]).end("x"),
    nul: (response) => response.writeHead(500).end("a\0b"),
    plain: (response) => response.writeHead(500).end("x"),
  };
  const endpoints = await Promise.all(
    Object.keys(answers).map((name) => stage.endpoint(`${receiver.url}/${name}`, later)),
  );
  for (const [name, answer] of Object.entries(answers)) {
    receiver.answer(`/${name}`, (_, response) => answer(response));
  }
  await stage.produce(endpoints.map((endpoint, n) => deliveryOf(endpoint, n)));
  for (const endpoint of endpoints) {
    const [row] = await untilRows(endpoint, 1);
    expect(row).toMatchObject({ reason: "retry", attempts_made: 1, attempts: [{ error: null }] });
  }
  expect((await rowsOf(endpoints[4]!))[0]?.attempts[0]?.responseBody).toBe("a\uFFFDb");
  expect((await fetch(`${delivery.url}/healthz`)).status).toBe(200);
});

test("a history that Postgres cannot hold is left out of its row, and the rows beside it are written whole", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/histories`);
  await setStatus(endpoint, "paused");
  const bodies = ["fine", "a\0b", "\ud800", "fine too"];
  await stage.produce(
    bodies.map((responseBody, n) =>
      deliveryOf(endpoint, n, { attemptsMade: 1, history: [sampleAttempt({ responseBody })] }),
    ),
  );
  const rows = await untilRows(endpoint, 4);
  expect(rows.map((row) => row.attempts.map((attempt) => attempt.responseBody))).toEqual([
    ["fine"],
    [],
    [],
    ["fine too"],
  ]);
  expect(delivery.log()).toContain("postgres.row-refused");
  await setStatus(endpoint, "enabled");
  await untilPosts("/histories", 4);
});

test.each(["none", "endpoint"] as const)(
  "a row of a newer version stays, said loudly, while others are released: ordering is %s",
  async (ordering) => {
    const path = `/newer-${ordering}`;
    const [newer, other] = [
      await stage.endpoint(`${receiver.url}${path}`, { ordering }),
      await stage.endpoint(`${receiver.url}${path}-other`, { ordering }),
    ];
    for (const endpoint of [newer, other]) await setStatus(endpoint, "paused");
    await stage.produce([newer, other].flatMap((endpoint) => [1, 2].map((n) => deliveryOf(endpoint, n))));
    for (const endpoint of [newer, other]) await untilRows(endpoint, 2);
    const second = deliveryOf(newer, 2).webhookId;
    const setVersion = (version: number) =>
      stage.db.query(
        "UPDATE parked_deliveries SET payload = jsonb_set(payload::jsonb, '{v}', to_jsonb($2::int))::text WHERE webhook_id = $1",
        [second, version],
      );
    await setVersion(2);
    for (const endpoint of [newer, other]) await setStatus(endpoint, "enabled");
    await untilPosts(`${path}-other`, 2);
    await untilPosts(path, 1);
    await until(
      "it is said",
      async () => delivery.log(),
      (log) => log.includes("delivery version 2; this process reads up to 1"),
    );
    expect((await rowsOf(newer)).map((row) => row.webhook_id)).toContain(second);
    await setVersion(1);
    await stage.db.query("SELECT retry_parked($1)", [newer.id]);
    await untilPosts(path, 2);
    await untilRows(newer, 0);
  },
);

test("an endpoint that is deleted in its trouble leaves neither its breaker nor a row of its health behind", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/deleted`, { ...later, breaker: { failures: 1 } });
  receiver.answer("/deleted", status(500));
  await stage.produce([deliveryOf(endpoint, 1)]);
  const open = () =>
    stage.db.query("SELECT FROM endpoint_health WHERE endpoint_id = $1 AND open_until IS NOT NULL", [
      endpoint.id,
    ]);
  const breakers = async () => {
    const text = await (await fetch(`${delivery.url}/metrics`)).text();
    return /^ethhook_delivery_breakers\{.*state="open".*\} (\d+)/m.exec(text)?.[1];
  };
  await until("it is open", open, ({ rowCount }) => rowCount === 1);
  expect(await breakers()).toBe("1");
  await stage.db.query("UPDATE endpoints SET deleted_at = now() WHERE id = $1", [endpoint.id]);
  await until("it is forgotten", open, ({ rowCount }) => rowCount === 0);
  expect(await breakers()).toBe("0");
});

test("SIGTERM in the middle of the last attempt: the next process makes it again, and nothing is given up", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/deployed`, { retryScheduleSeconds: [0] });
  receiver.answer("/deployed", hang);
  await stage.produce([deliveryOf(endpoint, 1)]);
  await untilPosts("/deployed", 1);
  expect(await delivery.stop()).toBe(0);
  receiver.answer("/deployed", status(200));
  delivery = await stage.deliveryProcess();
  await untilPosts("/deployed", 2);
  await untilRows(endpoint, 0);
  expect(await stage.dead()).toEqual([]);
});
