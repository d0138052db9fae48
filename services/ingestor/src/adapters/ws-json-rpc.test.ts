import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { createWsJsonRpc } from "./ws-json-rpc.ts";
import { discard, isLargeList } from "../core/rpc/large-list.ts";
import type { RpcTransport } from "../core/rpc/transport.ts";

type Call = { readonly id: number; readonly method: string };
type Answer = (call: Call, socket: WebSocket) => unknown;

const stops: (() => void)[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop();
});

/** A node that subscribes everyone, and answers the rest with `answer`; undefined: not at all. */
async function startNode(answer: Answer = () => "0x1", autoPong = true) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", autoPong });
  await once(server, "listening");
  stops.push(() => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  });
  server.on("connection", (socket) =>
    socket.on("message", (data) => {
      const call = JSON.parse((data as Buffer).toString()) as Call;
      const result = call.method === "eth_subscribe" ? "0xsub" : answer(call, socket);
      if (result !== undefined) socket.send(JSON.stringify({ jsonrpc: "2.0", id: call.id, result }));
    }),
  );
  const announce = (number: string) => {
    const params = { subscription: "0xsub", result: { number } };
    for (const socket of server.clients)
      socket.send(JSON.stringify({ jsonrpc: "2.0", method: "eth_subscription", params }));
  };
  return { server, announce, url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

function connect(url: string, options: Partial<Parameters<typeof createWsJsonRpc>[0]> = {}) {
  const waits: number[] = [];
  const events: string[] = [];
  let notify = (): void => {};
  const transport: RpcTransport = createWsJsonRpc({
    url,
    name: "node",
    requestTimeoutMs: 10_000,
    probeIntervalMs: 60_000,
    reconnectDelayMs: (failures) => {
      waits.push(failures);
      return 1;
    },
    ...options,
  });
  const say = (event: string) => {
    events.push(event);
    notify();
  };
  transport.start({
    onHead: (raw) => say(`head ${(raw as { number: string }).number}`),
    onUp: () => say("up"),
    onDown: (reason) => say(`down ${reason}`),
  });
  stops.push(() => transport.stop());
  const heard = async (event: string | RegExp, times = 1): Promise<void> => {
    const isIt = (one: string) => (typeof event === "string" ? one === event : event.test(one));
    while (events.filter(isIt).length < times) {
      const { promise, resolve } = Promise.withResolvers<void>();
      notify = resolve;
      await promise;
    }
  };
  return { transport, events, waits, heard };
}

test("requests find their answers, in whatever order these come", async () => {
  const held: (() => void)[] = [];
  const node = await startNode((call, socket) => {
    held.unshift(() => socket.send(JSON.stringify({ jsonrpc: "2.0", id: call.id, result: call.method })));
    if (held.length === 2) for (const send of held) send();
    return undefined;
  });
  const { transport, heard } = connect(node.url);
  await heard("up");
  expect(await Promise.all([transport.request("first", []), transport.request("second", [])])).toEqual([
    "first",
    "second",
  ]);
});

test("heads are announced, and a connection that breaks is built again and subscribed again", async () => {
  const node = await startNode();
  const { heard, transport } = connect(node.url);
  await heard("up");
  node.announce("0x1");
  await heard("head 0x1");
  for (const socket of node.server.clients) socket.terminate();
  await heard(/^down/);
  expect(transport.isUp()).toBe(false);
  await heard("up", 2);
  node.announce("0x2");
  await heard("head 0x2");
});

test("without a head, every rebuild counts as a further failure; a head starts the count again", async () => {
  const node = await startNode();
  const { heard, waits } = connect(node.url);
  for (const times of [1, 2, 3]) {
    await heard("up", times);
    for (const socket of node.server.clients) socket.terminate();
    await heard(/^down/, times);
  }
  await heard("up", 4);
  node.announce("0x1");
  await heard("head 0x1");
  for (const socket of node.server.clients) socket.terminate();
  await heard(/^down/, 4);
  expect(waits).toEqual([1, 2, 3, 1]);
});

test("a half-open socket is found out by its silence and built again", async () => {
  const node = await startNode(undefined, false);
  const { heard, events } = connect(node.url, { probeIntervalMs: 20 });
  await heard("up", 2);
  expect(events.slice(0, 3)).toEqual(["up", "down no sign of life for 20 ms", "up"]);
});

test("a request under way when the connection breaks is rejected at once; one without an answer, in time", async () => {
  const node = await startNode((call, socket) => {
    if (call.method === "cut") socket.terminate();
    return undefined;
  });
  const { heard, transport } = connect(node.url, { requestTimeoutMs: 50 });
  await heard("up");
  await expect(transport.request("silent", [])).rejects.toMatchObject({ failure: "timeout" });
  await expect(transport.request("cut", [])).rejects.toMatchObject({ failure: "network" });
});

test("what is not JSON costs the connection: nobody can say whose answer it was", async () => {
  const node = await startNode((_, socket) => {
    socket.send("<html>");
    return undefined;
  });
  const { heard, transport } = connect(node.url);
  await heard("up");
  await expect(transport.request("eth_call", [])).rejects.toMatchObject({ failure: "network" });
  await heard("up", 2);
});

test("an answer of many megabytes comes as a list in parts, and pauses the node until it is read", async () => {
  const items = Array.from({ length: 40_000 }, () => `0x${"ab".repeat(256)}`);
  const node = await startNode((call) => (call.method === "large" ? items : "0x1"));
  const { heard, transport } = connect(node.url);
  await heard("up");
  const large = transport.request("large", []);
  const small = transport.request("small", []);
  const list = await large;
  if (!isLargeList(list)) throw new Error("it came whole");
  // The small answer is behind the large one: reading lets it through.
  const found: unknown[] = [];
  for await (const some of list) found.push(...some);
  expect(found).toEqual(items);
  expect(await small).toBe("0x1");
});

test("a list that nobody reads is let go, and the connection goes on", async () => {
  const items = Array.from({ length: 40_000 }, () => `0x${"ab".repeat(256)}`);
  const node = await startNode((call) => (call.method === "large" ? items : "0x1"));
  const { heard, transport, events } = connect(node.url);
  await heard("up");
  const list = await transport.request("large", []);
  if (!isLargeList(list)) throw new Error("it came whole");
  const small = transport.request("small", []);
  await discard(list);
  expect(await small).toBe("0x1");
  expect(events).toEqual(["up"]);
});
