import { createServer, type ServerResponse } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { createHttpJsonRpc } from "./http-json-rpc.ts";

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

async function connect(answer: (response: ServerResponse) => void) {
  const server = createServer((_, response) => answer(response)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/key`;
  const transport = createHttpJsonRpc({ url, name: "node", requestTimeoutMs: 1_000 });
  transport.start({ onHead: () => {}, onUp: () => {}, onDown: () => {} });
  stops.push(() => {
    transport.stop();
    server.closeAllConnections();
    server.close();
  });
  return transport;
}

const ask = async (status: number, body: string, headers: Record<string, string> = {}) =>
  (await connect((response) => response.writeHead(status, headers).end(body))).request("eth_getLogs", [{}]);

test("the result is returned, null included", async () => {
  expect(await ask(200, '{"id":1,"result":[1]}')).toEqual([1]);
  expect(await ask(200, '{"id":1,"result":null}')).toBeNull();
});

test("429 and 503 name the time that the provider asks for", async () => {
  await expect(ask(429, "slow down", { "retry-after": "3" })).rejects.toMatchObject({
    failure: "rate-limited",
    retryAfterMs: 3_000,
  });
  await expect(ask(503, "")).rejects.toMatchObject({ failure: "rate-limited", retryAfterMs: undefined });
});

test("an error of JSON-RPC counts whatever the HTTP status", async () => {
  const body = '{"id":1,"error":{"code":-32000,"message":"block range is too wide"}}';
  await expect(ask(200, body)).rejects.toMatchObject({ failure: "range-too-large" });
  await expect(ask(400, body)).rejects.toMatchObject({ failure: "range-too-large" });
});

test("what is neither result nor error is malformed, a bare HTTP error is the network's", async () => {
  await expect(ask(200, "<html>")).rejects.toMatchObject({ failure: "malformed" });
  await expect(ask(200, "{}")).rejects.toMatchObject({ failure: "malformed" });
  await expect(ask(502, "<html>")).rejects.toMatchObject({ failure: "network" });
  await expect(ask(413, "<html>")).rejects.toMatchObject({ failure: "range-too-large" });
});

test("a server that does not answer is a timeout, one that is not there is the network's", async () => {
  const silent = await connect(() => {});
  await expect(silent.request("eth_call", [])).rejects.toMatchObject({ failure: "timeout" });
  const gone = await connect((response) => response.destroy());
  await expect(gone.request("eth_call", [])).rejects.toMatchObject({ failure: "network" });
});
