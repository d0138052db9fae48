import { expect, test } from "vitest";
import { startHealthServer } from "./health-server.ts";

async function server(
  options: {
    notReady?: () => readonly string[];
    metrics?: () => Promise<{ contentType: string; text: string }>;
    port?: number;
  } = {},
) {
  const started = await startHealthServer({
    host: "127.0.0.1",
    port: options.port ?? 0,
    notReady: options.notReady ?? (() => []),
    metrics: options.metrics ?? (async () => ({ contentType: "text/plain", text: "x 1\n" })),
  });
  const ask = async (path: string, method = "GET") => {
    const response = await fetch(`http://127.0.0.1:${started.port}${path}`, { method });
    return { status: response.status, text: await response.text() };
  };
  return { ask, stop: () => started.stop(), port: started.port };
}

test("a living process answers /healthz, and /readyz says why it is not ready", async () => {
  let reasons: string[] = ["no filters yet"];
  const { ask, stop } = await server({ notReady: () => reasons });
  expect(await ask("/healthz")).toMatchObject({ status: 200 });
  expect(await ask("/readyz?x=1")).toMatchObject({
    status: 503,
    text: expect.stringContaining("no filters yet"),
  });
  reasons = [];
  expect(await ask("/readyz")).toMatchObject({ status: 200 });
  expect(await ask("/metrics")).toEqual({ status: 200, text: "x 1\n" });
  expect(await ask("/other")).toMatchObject({ status: 404 });
  expect(await ask("/healthz", "POST")).toMatchObject({ status: 405 });
  await stop();
});

test("a scrape that fails is a 500, not the end of the process", async () => {
  const { ask, stop } = await server({ metrics: () => Promise.reject(new Error("broken gauge")) });
  expect(await ask("/metrics")).toMatchObject({ status: 500 });
  await stop();
});

test("a port in use is said in a sentence", async () => {
  const first = await server();
  await expect(server({ port: first.port })).rejects.toMatchObject({
    code: "PORT_IN_USE",
    message: expect.stringContaining("HTTP_PORT"),
  });
  await first.stop();
});
