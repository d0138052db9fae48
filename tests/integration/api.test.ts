import { parseSecretKeys, unsealSecret } from "@ethhook/kit";
import { startPostgres } from "@ethhook/infra";
import { migratePostgres } from "@ethhook/scripts/migrate";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  adminKey,
  secretsKey,
  someFilter as filter,
  startApiUnderTest,
  type ApiUnderTest,
  type Json,
} from "../support/api-under-test.ts";
import { testPool } from "../support/postgres.ts";

let postgres: Awaited<ReturnType<typeof startPostgres>>;
let database: pg.Pool;
let world: ApiUnderTest;
const call: ApiUnderTest["call"] = (...request) => world.call(...request);
const newUser: ApiUnderTest["newUser"] = () => world.newUser();

beforeAll(async () => {
  postgres = await startPostgres();
  await migratePostgres(postgres.url);
  database = testPool(postgres.url);
  world = await startApiUnderTest({ postgresUrl: postgres.url });
});

afterAll(async () => {
  await world?.api.stop(1_000);
  await database?.end();
  await postgres?.stop();
});

const versionsOf = async (endpointId: string) => {
  const sql = "SELECT version, subscription FROM filter_versions WHERE endpoint_id = $1 ORDER BY version";
  return (await database.query(sql, [endpointId])).rows;
};

test("a user is created with the admin key and gets a key that works at once", async () => {
  const { created, ask } = await newUser();
  expect(created.status).toBe(201);
  expect(created.body.apiKey.key).toMatch(/^key_[a-z0-9]{24}_[a-z0-9]{52}$/);
  const me = await ask("GET", "/v1/users/me");
  expect(me.body).toEqual(created.body.user);
});

test("an address has one account, in any case of letters", async () => {
  const { created } = await newUser();
  const email = created.body.user.email.toUpperCase();
  const again = await call(adminKey, "POST", "/v1/users", { email });
  expect(again).toMatchObject({ status: 409, body: { error: { code: "CONFLICT" } } });
});

test("a key is stored as a hash, listed without its secret, and dead once revoked", async () => {
  const { key, ask } = await newUser();
  const second = (await ask("POST", "/v1/keys", { name: "second" })).body;
  const stored = await database.query("SELECT row_to_json(api_keys)::text AS row FROM api_keys");
  expect(stored.rows.some(({ row }) => row.includes(key.slice(-20)))).toBe(false);
  const listed = (await ask("GET", "/v1/keys")).body.items;
  expect(listed.map((item: Json) => [item.name, item.key])).toEqual([
    ["first", undefined],
    ["second", undefined],
  ]);
  expect((await ask("DELETE", `/v1/keys/${second.id}`)).status).toBe(204);
  expect((await call(second.key, "GET", "/v1/users/me")).status).toBe(401);
  expect((await ask("DELETE", `/v1/keys/${second.id}`)).status).toBe(404);
});

test("creating an endpoint stores its row, its sealed secret and its filter version together", async () => {
  const { newEndpoint } = await newUser();
  const endpoint = await newEndpoint({ finality: "confirmed", delivery: { concurrency: 3 } });
  expect(endpoint).toMatchObject({ status: "enabled", filter, finality: "confirmed", sendRemoved: true });
  expect(endpoint.delivery).toMatchObject({ concurrency: 3, ordering: "none" });
  const [version] = await versionsOf(endpoint.id);
  expect(version.subscription).toEqual({
    filter,
    finality: "confirmed",
    format: "standard",
    sendRemoved: true,
  });
  expect(Number(version.version)).toBe(endpoint.filterVersion);
  const secrets = await database.query("SELECT sealed FROM endpoint_secrets WHERE endpoint_id = $1", [
    endpoint.id,
  ]);
  const sealed = secrets.rows[0].sealed as string;
  expect(sealed).not.toContain(endpoint.secret.slice(6));
  expect(unsealSecret(parseSecretKeys(secretsKey), sealed, endpoint.id)).toBe(endpoint.secret);
});

test("a URL that no webhook could be sent to is refused when an endpoint is made and when it is changed", async () => {
  const { ask, application, newEndpoint } = await newUser();
  const refusal = (path: string, message: string) => ({
    status: 400,
    body: { error: { code: "INVALID_REQUEST", problems: [{ path, message }] } },
  });
  const onlyHttps = refusal("body.url", "http:// is not allowed: use https://");
  const create = (url: string) => ask("POST", `/v1/applications/${application}/endpoints`, { url, filter });
  expect(await create("http://example.org/hooks")).toMatchObject(onlyHttps);
  const metadata = refusal("body.url", "169.254.169.254 is not a public address");
  expect(await create("https://169.254.169.254/latest")).toMatchObject(metadata);
  const { id, url } = await newEndpoint();
  const changed = await ask("PATCH", `/v1/endpoints/${id}`, { url: "http://example.org/hooks" });
  expect(changed).toMatchObject(onlyHttps);
  expect((await ask("GET", `/v1/endpoints/${id}`)).body.url).toBe(url);
});

test("a filter that cannot be read is refused with its place, and nothing is stored", async () => {
  const { ask, application } = await newUser();
  const body = { url: "https://example.org/hooks", filter: { chains: ["etherum"] } };
  const refused = await ask("POST", `/v1/applications/${application}/endpoints`, body);
  expect(refused).toMatchObject({ status: 400, body: { error: { code: "INVALID_FILTER" } } });
  expect(refused.body.error.problems[0].path).toBe("body.filter.chains[0]");
  expect((await ask("GET", "/v1/endpoints")).body.items).toEqual([]);
});

test("a filter may name an address list once there is one", async () => {
  const { ask, application, newEndpoint } = await newUser();
  const other = await newUser();
  const listed = { addresses: { list: "tokens" } };
  const body = { url: "https://example.org/hooks", filter: listed };
  expect((await ask("POST", `/v1/applications/${application}/endpoints`, body)).status).toBe(400);
  const address = `0x${"Ab".repeat(20)}`;
  await other.ask("PATCH", "/v1/address-lists/tokens", { add: [address] });
  expect((await ask("POST", `/v1/applications/${application}/endpoints`, body)).status).toBe(400);
  const made = await ask("PATCH", "/v1/address-lists/tokens", { add: [address, address.toLowerCase()] });
  expect(made).toMatchObject({ status: 200, body: { name: "tokens", size: 1 } });
  expect(await newEndpoint({ filter: listed })).toMatchObject({ filter: listed });
});

test("an address list changes by adding and removing, and is read in pages", async () => {
  const { ask } = await newUser();
  const addressOf = (n: number) => `0x${n.toString(16).padStart(40, "0")}`;
  const add = [1, 2, 3, 4, 5].map(addressOf);
  const first = await ask("PATCH", "/v1/address-lists/pools", { add });
  const second = await ask("PATCH", "/v1/address-lists/pools", { remove: [addressOf(2), addressOf(99)] });
  expect(second.body).toMatchObject({ size: 4 });
  expect(second.body.version).toBe(first.body.version + 1);
  const page = await ask("GET", "/v1/address-lists/pools/addresses?limit=3");
  expect(page.body).toEqual({ items: [1, 3, 4].map(addressOf), next: addressOf(4) });
  const rest = await ask("GET", `/v1/address-lists/pools/addresses?limit=3&after=${page.body.next}`);
  expect(rest.body).toEqual({ items: [addressOf(5)], next: null });
  expect((await ask("GET", "/v1/address-lists")).body.items).toMatchObject([{ name: "pools", size: 4 }]);
  expect((await ask("GET", "/v1/address-lists/other/addresses")).status).toBe(404);
  expect((await ask("PATCH", "/v1/address-lists/pools", {})).status).toBe(400);
});

test("those who hold filters and endpoints in memory are woken by a creation and a change", async () => {
  const { newEndpoint, ask } = await newUser();
  const listener = new pg.Client({ connectionString: postgres.url });
  await listener.connect();
  const heard: string[] = [];
  const { promise: sentinel, resolve } = Promise.withResolvers<void>();
  listener.on("notification", ({ channel, payload }) => {
    if (payload === "sentinel") resolve();
    else heard.push(`${channel} ${payload}`);
  });
  await listener.query("LISTEN ethhook_filters; LISTEN ethhook_endpoints");
  const endpoint = await newEndpoint();
  await ask("PATCH", `/v1/endpoints/${endpoint.id}`, { url: "https://example.org/other" });
  await listener.query("NOTIFY ethhook_filters, 'sentinel'");
  await sentinel;
  await listener.end();
  expect(heard.filter((line) => line === `ethhook_filters ${endpoint.filterVersion}`)).toHaveLength(1);
  expect(heard).toContain(`ethhook_endpoints ${endpoint.id}`);
});

test("a new filter is a new version; the same filter again, or a new URL, is not", async () => {
  const { newEndpoint, ask } = await newUser();
  const { id, filterVersion } = await newEndpoint();
  const same = await ask("PATCH", `/v1/endpoints/${id}`, { url: "https://example.org/b", filter });
  expect(same.body).toMatchObject({ url: "https://example.org/b", filterVersion });
  const changed = await ask("PATCH", `/v1/endpoints/${id}`, { filter: { ...filter, chains: [10] } });
  expect(changed.body.filterVersion).toBeGreaterThan(filterVersion);
  expect(await versionsOf(id)).toHaveLength(2);
});

test("pause and resume change the status alone", async () => {
  const { newEndpoint, ask } = await newUser();
  const { id, filterVersion } = await newEndpoint();
  expect((await ask("POST", `/v1/endpoints/${id}/pause`)).body).toMatchObject({ status: "paused" });
  expect((await ask("GET", "/v1/endpoints?status=paused")).body.items).toHaveLength(1);
  const resumed = await ask("POST", `/v1/endpoints/${id}/resume`);
  expect(resumed.body).toMatchObject({ status: "enabled", disabledReason: null, filterVersion });
});

test("a deleted endpoint ends with a version without subscription and is not found again", async () => {
  const { newEndpoint, ask } = await newUser();
  const { id } = await newEndpoint();
  expect((await ask("DELETE", `/v1/endpoints/${id}`)).status).toBe(204);
  expect((await versionsOf(id)).at(-1)?.subscription).toBeNull();
  for (const [method, path] of [
    ["GET", ""],
    ["DELETE", ""],
    ["POST", "/resume"],
    ["POST", "/secret/rotate"],
  ] as const) {
    expect((await ask(method, `/v1/endpoints/${id}${path}`)).status).toBe(404);
  }
});

test("a secret that the receiver has already is stored sealed, and no answer repeats it", async () => {
  const { newEndpoint, ask } = await newUser();
  const [old, next] = ["the old system's secret", `whsec_${Buffer.alloc(24, 9).toString("base64")}`];
  const created = await newEndpoint({ format: "legacy", secret: old });
  expect(created).toMatchObject({ format: "legacy" });
  const path = `/v1/endpoints/${created.id}`;
  const rotated = await ask("POST", `${path}/secret/rotate`, { secret: next });
  expect(rotated.status).toBe(200);
  for (const answered of [created, rotated.body, (await ask("GET", path)).body]) {
    expect(answered).not.toHaveProperty("secret");
  }
  const sql = "SELECT sealed FROM endpoint_secrets WHERE endpoint_id = $1 ORDER BY id";
  const { rows } = await database.query(sql, [created.id]);
  const keys = parseSecretKeys(secretsKey);
  expect(rows.map(({ sealed }) => unsealSecret(keys, sealed, created.id))).toEqual([old, next]);
  const refused = await ask("POST", `${path}/secret/rotate`, { secret: "too short" });
  expect(refused.status).toBe(400);
  expect(JSON.stringify(refused.body)).not.toContain("too short");
});

test("a rotated secret is new and current; the old one expires after the overlap", async () => {
  const { newEndpoint, ask } = await newUser();
  const { id, secret } = await newEndpoint();
  const rotated = (await ask("POST", `/v1/endpoints/${id}/secret/rotate`, { overlapHours: 2 })).body;
  expect(rotated.secret).not.toBe(secret);
  const sql = "SELECT sealed, expires_at FROM endpoint_secrets WHERE endpoint_id = $1 ORDER BY id";
  const { rows } = await database.query(sql, [id]);
  const keys = parseSecretKeys(secretsKey);
  expect(rows.map(({ sealed }) => unsealSecret(keys, sealed, id))).toEqual([secret, rotated.secret]);
  expect(rows[1].expires_at).toBeNull();
  expect(rows[0].expires_at.toISOString()).toBe(rotated.previousExpiresAt);
  const inHours = (Date.parse(rotated.previousExpiresAt) - Date.now()) / 3_600_000;
  expect(inHours).toBeGreaterThan(1.9);
  expect(inHours).toBeLessThan(2.1);
});

test("nobody sees or touches what belongs to another user", async () => {
  const owner = await newUser();
  const other = await newUser();
  const { id } = await owner.newEndpoint();
  expect((await other.ask("GET", `/v1/endpoints/${id}`)).status).toBe(404);
  expect((await other.ask("PATCH", `/v1/endpoints/${id}`, { url: "https://example.net" })).status).toBe(404);
  expect((await other.ask("DELETE", `/v1/endpoints/${id}`)).status).toBe(404);
  expect((await other.ask("GET", `/v1/applications/${owner.application}`)).status).toBe(404);
  const body = { url: "https://example.net", filter };
  const planted = await other.ask("POST", `/v1/applications/${owner.application}/endpoints`, body);
  expect(planted.status).toBe(404);
  expect((await other.ask("GET", "/v1/endpoints")).body.items).toEqual([]);
  expect((await owner.ask("GET", `/v1/endpoints/${id}`)).body.url).toBe("https://example.org/hooks");
});

test("pages of endpoints visit each once, in the order of their creation", async () => {
  const { newEndpoint, ask, application } = await newUser();
  const made: string[] = [];
  for (let n = 0; n < 5; n += 1) made.push((await newEndpoint()).id);
  const seen: string[] = [];
  let after = "";
  do {
    const page = (await ask("GET", `/v1/endpoints?applicationId=${application}&limit=2${after}`)).body;
    seen.push(...page.items.map((item: Json) => item.id));
    after = page.next === null ? "" : `&after=${page.next}`;
  } while (after !== "");
  expect(seen).toEqual(made);
});

test("changes made at the same time do not overwrite each other", async () => {
  const { newEndpoint, ask } = await newUser();
  const { id } = await newEndpoint();
  await Promise.all([
    ask("PATCH", `/v1/endpoints/${id}`, { delivery: { concurrency: 2 } }),
    ask("PATCH", `/v1/endpoints/${id}`, { delivery: { gzip: true } }),
    ask("PATCH", `/v1/endpoints/${id}`, { description: "orders" }),
    ask("POST", `/v1/endpoints/${id}/pause`),
  ]);
  expect((await ask("GET", `/v1/endpoints/${id}`)).body).toMatchObject({
    description: "orders",
    status: "paused",
    delivery: { concurrency: 2, gzip: true },
  });
});

test("health, readiness and metrics answer on the API's own port", async () => {
  expect((await call("", "GET", "/healthz")).body).toEqual({ status: "ok" });
  expect((await call("", "GET", "/readyz")).body).toEqual({ status: "ready", reasons: [] });
  const metrics = await (await fetch(`${world.api.url()}/metrics`)).text();
  expect(metrics).toContain("ethhook_api_requests_total");
});

test("without Postgres the API says so: 503, not ready, still alive", async () => {
  const { ask } = await newUser();
  await postgres.stop();
  expect(await ask("GET", "/v1/users/me")).toMatchObject({
    status: 503,
    body: { error: { code: "UNAVAILABLE" } },
  });
  expect((await call("", "GET", "/readyz")).status).toBe(503);
  expect((await call("", "GET", "/healthz")).status).toBe(200);
});
