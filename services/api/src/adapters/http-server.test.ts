import { createLogger, createMetrics, Registry } from "@ethhook/kit";
import { PipelineError } from "@ethhook/schemas";
import { errorBody, operations, type OperationId } from "@ethhook/schemas/api";
import { metricCatalogue } from "@ethhook/topology";
import { expect, test } from "vitest";
import { answer, refuse } from "../core/answer.ts";
import type { Handlers } from "../core/operations.ts";
import { bodyBytesMax, createHttpServer } from "./http-server.ts";

const application = {
  id: `app_${"a".repeat(24)}`,
  name: "shop",
  createdAt: "2026-01-01T00:00:00.000Z",
};
const authorization = "Bearer user";

/** A server whose operations all refuse but those given. */
async function setUp(given: Partial<Handlers> = {}) {
  const refused = Object.keys(operations).map((id) => [id, async () => refuse("NOT_FOUND", `stub ${id}`)]);
  const registry = new Registry();
  const app = await createHttpServer({
    handlers: { ...(Object.fromEntries(refused) as Handlers), ...given },
    authenticate: async (header) =>
      header === authorization
        ? answer({ role: "user", userId: "usr_1" })
        : refuse("UNAUTHENTICATED", "Send the header."),
    logger: createLogger({ name: "api", level: "silent" }),
    metrics: createMetrics(metricCatalogue, registry),
    version: "1.2.3",
    addRoutes: () => undefined,
  });
  return { app, registry };
}

const newApplication = (payload: unknown, headers: Record<string, string> = {}) => ({
  method: "POST" as const,
  url: "/v1/applications",
  headers: { authorization, "content-type": "application/json", ...headers },
  payload: typeof payload === "string" ? payload : JSON.stringify(payload),
});

test("an operation is given what the contract parsed, and answers with its status", async () => {
  const { app } = await setUp({
    createApplication: async ({ body }, { userId }) => {
      expect({ body, userId }).toEqual({ body: { name: "shop" }, userId: "usr_1" });
      return answer(application);
    },
  });
  const response = await app.inject(newApplication({ name: "  shop " }));
  expect(response.statusCode).toBe(201);
  expect(response.json()).toEqual(application);
  expect(response.headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
});

test("what the contract does not name is never sent", async () => {
  const { app } = await setUp({
    getApplication: async () => answer({ ...application, user_id: "usr_2" } as typeof application),
  });
  const url = `/v1/applications/${application.id}`;
  const response = await app.inject({ method: "GET", url, headers: { authorization } });
  expect(response.json()).toEqual(application);
});

test("every problem of a request is named with its place", async () => {
  const { app } = await setUp();
  const response = await app.inject(newApplication({ name: "", colour: "red" }));
  expect(response.statusCode).toBe(400);
  expect(response.json()).toMatchObject({
    error: {
      code: "INVALID_REQUEST",
      problems: [
        { path: "body.name", message: "must not be empty" },
        { path: "body", message: 'Unrecognized key: "colour"' },
      ],
    },
  });
});

test("text that is not JSON, and another content type, are refused with a sentence", async () => {
  const { app } = await setUp();
  for (const [payload, type] of [
    ["{", "application/json"],
    ["name=shop", "application/x-www-form-urlencoded"],
    ['{"__proto__":{}}', "application/json"],
  ] as const) {
    const response = await app.inject(newApplication(payload, { "content-type": type }));
    expect(response.statusCode).toBe(400);
    expect(errorBody.parse(response.json()).error.code).toBe("INVALID_REQUEST");
  }
});

test("a body over the limit is refused with the limit", async () => {
  const { app } = await setUp();
  const response = await app.inject(newApplication({ name: "x".repeat(bodyBytesMax) }));
  expect(response.statusCode).toBe(413);
  expect(response.json()).toMatchObject({ error: { code: "BODY_TOO_LARGE" } });
});

test("no operation answers without a key", async () => {
  const { app } = await setUp();
  for (const id of Object.keys(operations) as OperationId[]) {
    const { method, path } = operations[id];
    const response = await app.inject({ method, url: path.replaceAll(/\{\w+\}/g, "x") });
    expect([id, response.statusCode]).toEqual([id, 401]);
    expect(response.headers["www-authenticate"]).toBe("Bearer");
  }
});

test("an unknown path is refused like everything else", async () => {
  const { app } = await setUp();
  const response = await app.inject({ method: "GET", url: "/v2/users?token=secret" });
  expect(response.statusCode).toBe(404);
  expect(response.json()).toEqual({
    error: { code: "NOT_FOUND", message: "There is no operation GET /v2/users." },
  });
});

test("a bug answers with the request's id and nothing of its cause", async () => {
  const { app } = await setUp({
    createApplication: () => Promise.reject(new Error("password=hunter2 at db.internal")),
  });
  const response = await app.inject(newApplication({ name: "shop" }));
  expect(response.statusCode).toBe(500);
  expect(response.body).not.toMatch(/hunter2|at .*\.ts|stack/);
  expect(response.json().error.message).toContain(response.headers["x-request-id"]);
});

test("a store that does not answer is told from a bug", async () => {
  const { app } = await setUp({
    createApplication: () => Promise.reject(new PipelineError("UNAVAILABLE", "retry", "PostgreSQL is gone")),
  });
  const response = await app.inject(newApplication({ name: "shop" }));
  expect(response.statusCode).toBe(503);
  expect(response.json()).toMatchObject({ error: { code: "UNAVAILABLE" } });
});

test("requests are counted by operation and status", async () => {
  const { app, registry } = await setUp({ createApplication: async () => answer(application) });
  await app.inject(newApplication({ name: "shop" }));
  expect(await registry.metrics()).toContain(
    'ethhook_api_requests_total{operation="createApplication",status="201"} 1',
  );
});

test("the OpenAPI document is served without a key", async () => {
  const { app } = await setUp();
  const response = await app.inject({ method: "GET", url: "/openapi.json" });
  expect(response.statusCode).toBe(200);
  expect(response.json()).toMatchObject({ openapi: "3.1.0", info: { version: "1.2.3" } });
});
