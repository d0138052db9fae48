import { createHmac, randomBytes } from "node:crypto";
import { parseSecretKeys, sealSecret } from "@ethhook/kit";
import { Webhook as StandardWebhook } from "standardwebhooks";
import { Webhook as SvixWebhook } from "svix";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { startApiUnderTest } from "../support/api-under-test.ts";
import { addSecret, deliveryOf, startDeliveryStage, type DeliveryStage } from "../support/delivery-stage.ts";
import { startExample } from "../support/example-receivers.ts";
import { runCommand } from "../support/command.ts";
import type { ServiceProcess } from "../support/service-process.ts";
import { startTestReceiver, status, type TestReceiver } from "../support/test-receiver.ts";
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

test("a delivery arrives signed, and public libraries trust it", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/signed`);
  const delivery = deliveryOf(endpoint, 1);
  await stage.produce([delivery]);
  const [post] = await until(
    "the POST",
    async () => receiver.posts.filter((p) => p.path === "/signed"),
    (p) => p.length === 1,
  );
  const headers = post!.headers as Record<string, string>;
  expect(post!.body).toBe(delivery.body);
  expect(headers["webhook-id"]).toBe(delivery.webhookId);
  expect(new StandardWebhook(endpoint.secret).verify(post!.body, headers)).toEqual(JSON.parse(delivery.body));
  expect(() => new SvixWebhook(endpoint.secret).verify(post!.body, headers)).not.toThrow();
  expect(headers["x-webhook-signature"]).toBe(
    createHmac("sha256", endpoint.secret).update(post!.body).digest("hex"),
  );
});

test("a receiver of the system before verifies with its old secret, with which its endpoint was made", async () => {
  const config = { SECRETS_KEY: stage.env["SECRETS_KEY"]!, ALLOW_PRIVATE_ADDRESSES: true };
  const world = await startApiUnderTest({ postgresUrl: stage.env["DATABASE_URL"]!, config });
  onTestFinished(() => world.api.stop(1_000));
  const oldSecret = "S3cret of the old system, in its configuration";
  const { newEndpoint } = await world.newUser();
  const made = await newEndpoint({ url: `${receiver.url}/legacy`, format: "legacy", secret: oldSecret });
  const body = JSON.stringify({ chain_id: 1, block_number: 18_000_000, topics: [], data: "0x" });
  await stage.produce([deliveryOf(made, 9, { format: "legacy", body })]);
  const [post] = await until(
    "the POST",
    async () => receiver.posts.filter((p) => p.path === "/legacy"),
    (p) => p.length === 1,
  );
  // As the old system's receivers do it.
  const expected = createHmac("sha256", oldSecret).update(post!.body).digest("hex");
  expect(post!.headers["x-webhook-signature"]).toBe(expected);
  expect(post!.body).toBe(body);
});

test("a failure is parked and succeeds by the schedule, with the same id and bytes; both POSTs are recorded", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/once-failing`, {
    retryScheduleSeconds: [0, 0.2, 0.2],
  });
  const delivery = deliveryOf(endpoint, 2);
  receiver.answer("/once-failing", (post, response) => {
    const first = receiver.idsOf(post.path).length === 1;
    status(first ? 500 : 204)(post, response);
  });
  await stage.produce([delivery]);
  const posts = await until(
    "two POSTs",
    async () => receiver.posts.filter((p) => p.path === "/once-failing"),
    (p) => p.length === 2,
  );
  expect(new Set(posts.map((post) => `${post.webhookId} ${post.body}`)).size).toBe(1);
  const attempts = await until(
    "two attempts",
    async () => (await stage.attempts()).filter((a) => a.webhookId === delivery.webhookId),
    (a) => a.length === 2,
  );
  expect(attempts.map((a) => [a.attempt, a.outcome, a.statusCode, a.origin])).toEqual([
    [1, "failed", 500, "match"],
    [2, "delivered", 204, "release"],
  ]);
  await until(
    "no row left",
    () => stage.parkedRows(),
    (rows) => rows === 0,
  );
});

test("a delivery that used every attempt ends in the dead letters with all of them", async () => {
  const endpoint = await stage.endpoint(`${receiver.url}/dead`, { retryScheduleSeconds: [0, 0.1] });
  receiver.answer("/dead", status(404));
  const delivery = deliveryOf(endpoint, 3);
  await stage.produce([delivery]);
  const [dead] = await until(
    "the dead letter",
    () => stage.dead(),
    (letters) => letters.length === 1,
  );
  expect(dead).toMatchObject({
    reason: "exhausted",
    delivery: { webhookId: delivery.webhookId, attemptsMade: 2 },
  });
  expect(dead!.attempts.map((a) => a.statusCode)).toEqual([404, 404]);
});

const newKey = () => randomBytes(32).toString("base64");
const newSecret = () => `whsec_${randomBytes(32).toString("base64")}`;
const attemptsOf = (id: string, n: number) =>
  until(
    `${n} attempts of ${id}`,
    async () => (await stage.attempts()).filter((attempt) => attempt.webhookId === id),
    (all) => all.length === n,
  );

test.each(["node-standardwebhooks.mjs", "node-crypto.mjs", "python-stdlib.py", "shell-openssl.sh"])(
  "the receiver of RECEIVERS.md takes a real webhook, during a rotation too, and refuses a forged one: %s",
  async (file) => {
    const secret = newSecret();
    const example = await startExample(file, secret);
    onTestFinished(() => example.stop());
    // The one before it: the receiver knows only the new one, and both sign.
    const endpoint = await stage.endpoint(example.url, { retryScheduleSeconds: [0] });
    await addSecret(stage.db, endpoint.id, secret);
    const delivery = deliveryOf(endpoint, 1);
    await stage.produce([delivery]);
    const [attempt] = await attemptsOf(delivery.webhookId, 1);
    expect([attempt!.outcome, attempt!.statusCode]).toEqual(["delivered", 204]);

    const { webhookId: id, body } = delivery;
    const post = async (signedWith: string, change: { id?: string; body?: string; at?: Date } = {}) => {
      const at = change.at ?? new Date();
      const headers = {
        "webhook-id": change.id ?? id,
        "webhook-timestamp": String(Math.floor(at.getTime() / 1_000)),
        "webhook-signature": new StandardWebhook(signedWith).sign(id, at, body),
      };
      const signal = AbortSignal.timeout(10_000);
      return (await fetch(example.url, { method: "POST", headers, body: change.body ?? body, signal }))
        .status;
    };
    expect(await post(newSecret()), "another secret").toBe(401);
    expect(await post(secret, { body: body.replace('"n":1', '"n":2') }), "another body").toBe(401);
    expect(await post(secret, { id: "msg_other" }), "another id").toBe(401);
    expect(await post(secret, { at: new Date(Date.now() - 600_000) }), "ten minutes old").toBe(401);
    expect(await post(secret), "the same once more").toBe(204);
    const accepted = example.output().match(/^accepted \S+/gm);
    expect(accepted, "taken twice, worked on once").toEqual([`accepted ${id}`]);
  },
);

test("a key of SECRETS_KEY is replaced: every secret stays readable; a wrong key is told, and a lost one stops only its endpoint", async () => {
  const [older, newer, lost] = [stage.env["SECRETS_KEY"]!, newKey(), newKey()];
  const endpoint = await stage.endpoint(`${receiver.url}/resealed`);
  const keysInUse = async () =>
    (
      await stage.db.query<{ key: string }>(
        "SELECT DISTINCT split_part(sealed, '.', 2) AS key FROM endpoint_secrets",
      )
    ).rows.length;
  await delivery.stop();
  await expect(stage.deliveryProcess({ SECRETS_KEY: newer }), "the old key forgotten").rejects.toThrow(
    /ended with 1:[^]*SECRET_UNREADABLE[^]*put the old key behind the new one/,
  );
  const reseal = (keys: string) => runCommand("reseal", [], { ...stage.env, SECRETS_KEY: keys });
  expect(await reseal(newer)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("no key of SECRETS_KEY"),
  });
  expect(await reseal(`${newer},${older}`)).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^[1-9]\d* secrets sealed again, 0 were/),
  });
  expect(await keysInUse()).toBe(1);

  const sealedOff = await stage.endpoint(`${receiver.url}/sealed-off`);
  const sealed = sealSecret(parseSecretKeys(lost), newSecret(), sealedOff.id);
  await stage.db.query("UPDATE endpoint_secrets SET sealed = $2 WHERE endpoint_id = $1", [
    sealedOff.id,
    sealed,
  ]);
  delivery = await stage.deliveryProcess({ SECRETS_KEY: newer });
  expect(delivery.log()).toContain("secrets.unreadable");
  const [ok, off] = [deliveryOf(endpoint, 1), deliveryOf(sealedOff, 2)];
  await stage.produce([off, ok]);
  await attemptsOf(ok.webhookId, 1);
  const [post] = receiver.posts.filter((one) => one.path === "/resealed");
  const headers = post!.headers as Record<string, string>;
  expect(() => new StandardWebhook(endpoint.secret).verify(post!.body, headers)).not.toThrow();
  await until(
    "what cannot be signed waits in Postgres",
    () => stage.parkedRows(),
    (rows) => rows === 1,
  );
  expect(receiver.idsOf("/sealed-off")).toEqual([]);
});
