import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createSecureServer } from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createGunzip, gzipSync } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { createAddressPolicy } from "@ethhook/kit";
import type { Exchange, Receiver } from "../core/exchange.ts";
import type { Resolve } from "./guarded-connector.ts";
import { createHttpReceiver } from "./http-receiver.ts";
import { drip } from "./testing/drip.ts";
import { selfSigned } from "./testing/self-signed.ts";
import { createUndiciTransport } from "./undici-transport.ts";

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

const openPolicy = createAddressPolicy({ allowPrivate: true, allowHttp: true, allowed: [] });
const strictPolicy = createAddressPolicy({ allowPrivate: false, allowHttp: true, allowed: [] });

function receiverOf(options: { resolve?: Resolve; ca?: string; policy?: typeof openPolicy } = {}): Receiver {
  const policy = options.policy ?? openPolicy;
  const transport = createUndiciTransport({
    policy,
    connectTimeoutMs: 2_000,
    connectionsPerOriginMax: 10,
    ...(options.resolve ? { resolve: options.resolve } : {}),
    ...(options.ca ? { ca: options.ca } : {}),
  });
  closing.push(() => transport.destroy("STOPPED"));
  return createHttpReceiver(transport, policy);
}

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return (server.address() as AddressInfo).port;
}
const http = async (listener: RequestListener) =>
  `http://127.0.0.1:${await listen(createHttpServer(listener))}`;
/** A server that writes what it likes on the wire. */
const raw = async (each: (socket: Socket) => void) => {
  const server = createTcpServer((socket) => void socket.once("data", () => each(socket)));
  return `http://127.0.0.1:${await listen(server)}`;
};
const post = (url: string, receiver = receiverOf(), timeoutMs = 1_000): Promise<Exchange> =>
  receiver.post({
    url,
    headers: { "content-type": "application/json" },
    body: Buffer.from("{}"),
    gzip: false,
    timeoutMs,
  });

test("an answer is kept with its status, its beginning and its times", async () => {
  const url = await http((request, response) => {
    request.resume();
    request.on("end", () => response.writeHead(418, { "retry-after": "7" }).end("short and stout"));
  });
  const receiver = receiverOf();
  const first = await post(url, receiver);
  expect(first).toMatchObject({
    kind: "answered",
    statusCode: 418,
    retryAfter: "7",
    responseBody: "short and stout",
    tlsMs: null,
  });
  expect(first.connectMs).toBeGreaterThan(0);
  expect(first.firstByteMs).toBeGreaterThan(0);
  // A connection is free again one turn of the event loop after its answer.
  await new Promise((resolve) => void setImmediate(resolve));
  const second = await post(url, receiver);
  expect(second.connectMs, "the connection is kept alive").toBeNull();
  expect(second.totalMs).toBeGreaterThanOrEqual(second.firstByteMs ?? Number.NaN);
});

test("an endless body ends the exchange when 4 KiB are read, and its connection soon after", async () => {
  let written = 0;
  let closed: () => void = () => undefined;
  const whenClosed = new Promise<void>((resolve) => (closed = resolve));
  const url = await http((request, response) => {
    request.resume();
    response.writeHead(200);
    const more = () => {
      while (!response.destroyed && response.write("x".repeat(16_384))) written += 16_384;
      written += 16_384;
    };
    response.on("drain", more);
    response.on("close", closed);
    more();
  });
  const exchange = await post(url);
  expect(exchange).toMatchObject({ kind: "answered", statusCode: 200 });
  expect(exchange.responseBody).toHaveLength(4_096);
  await whenClosed;
  expect(written).toBeLessThan(32 * 1_048_576);
});

test("a gzip bomb costs no more than an honest page", async () => {
  const bomb = gzipSync(Buffer.alloc(200 * 1_048_576), { level: 9 });
  const url = await http((request, response) => {
    request.resume();
    response.writeHead(200, { "content-encoding": "gzip" }).end(bomb);
  });
  const before = process.memoryUsage().rss;
  const exchange = await post(url);
  expect(exchange).toMatchObject({ kind: "answered", statusCode: 200, responseBody: "\0".repeat(4_096) });
  expect(process.memoryUsage().rss - before).toBeLessThan(80 * 1_048_576);
});

test("a body is compressed on request, and says so", async () => {
  const seen: string[] = [];
  const url = await http((request, response) => {
    // The end of the request is not yet the end of what is decompressed from it.
    const body = request.pipe(createGunzip()).on("data", (part: Buffer) => seen.push(part.toString()));
    body.on("end", () => response.end(request.headers["content-encoding"]));
  });
  const exchange = await receiverOf().post({
    url,
    headers: {},
    body: Buffer.from("plain"),
    gzip: true,
    timeoutMs: 1_000,
  });
  expect([exchange.responseBody, seen.join("")]).toEqual(["gzip", "plain"]);
});

test("a compressed answer is kept as text; one that cannot be decompressed as it came", async () => {
  const url = await http((request, response) => {
    request.resume();
    const body = request.url === "/good" ? gzipSync("thanks") : "not gzip";
    response.writeHead(200, { "content-encoding": "gzip" }).end(body);
  });
  expect((await post(`${url}/good`)).responseBody).toBe("thanks");
  expect((await post(`${url}/bad`)).responseBody).toBe("not gzip");
});

test("a body that drips for ever ends with the exchange's timeout, whatever the status was", async () => {
  const url = await http((request, response) => {
    request.resume();
    response.writeHead(200);
    drip(() => response.write("."), 20, response);
  });
  const exchange = await post(url, receiverOf(), 300);
  expect(exchange).toMatchObject({ kind: "timeout", code: "TIMEOUT", statusCode: 200 });
  expect(exchange.responseBody).toMatch(/^\.+$/);
  expect(exchange.totalMs).toBeLessThan(800);
});

test("a receiver that never answers, and one that never accepts, end with a timeout", async () => {
  const url = await http((request) => void request.resume());
  expect(await post(url, receiverOf(), 200)).toMatchObject({
    kind: "timeout",
    statusCode: null,
    firstByteMs: null,
  });
  // The backlog of a paused listener takes the connection, TLS never begins.
  const silent = await raw(() => undefined);
  expect(await post(silent.replace("http:", "https:"), receiverOf(), 200)).toMatchObject({
    kind: "timeout",
    connectMs: null,
  });
});

test("a reset in the middle of the answer is a network failure that keeps what came", async () => {
  const url = await raw((socket) => {
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf");
    // Once the kernel has the first half.
    socket.write("", () => void setImmediate(() => socket.resetAndDestroy()));
  });
  expect(await post(url)).toMatchObject({ kind: "network", statusCode: 200, responseBody: "half" });
});

test("a refused connection is a network failure with its code", async () => {
  const port = await listen(createTcpServer());
  await closing.pop()?.();
  expect(await post(`http://127.0.0.1:${port}`)).toMatchObject({ kind: "network", code: "ECONNREFUSED" });
});

test("100 KB of headers, and nonsense instead of HTTP, are network failures", async () => {
  const fat = await raw((socket) => {
    socket.write(
      `HTTP/1.1 200 OK\r\n${Array.from({ length: 100 }, (_, n) => `x-${n}: ${"y".repeat(1_000)}\r\n`).join("")}\r\n`,
    );
  });
  expect(await post(fat)).toMatchObject({ kind: "network", code: "UND_ERR_HEADERS_OVERFLOW" });
  const nonsense = await raw((socket) => void socket.write("SSH-2.0-OpenSSH_9.9\r\n"));
  expect(await post(nonsense)).toMatchObject({ kind: "network" });
});

test("a redirect is an answer that nobody follows", async () => {
  let asked = 0;
  const secret = await http((_, response) => {
    asked += 1;
    response.end();
  });
  const url = await http((request, response) => {
    request.resume();
    response.writeHead(302, { location: secret }).end();
  });
  expect(await post(url)).toMatchObject({ kind: "answered", statusCode: 302 });
  expect(asked).toBe(0);
});

test("a private address is blocked, as a number and as a name, before anything is sent", async () => {
  let connections = 0;
  const port = await listen(createTcpServer(() => (connections += 1)));
  const resolve: Resolve = (_, callback) => callback(null, [{ address: "127.0.0.1", family: 4 }]);
  const receiver = receiverOf({ policy: strictPolicy, resolve });
  for (const host of [
    "127.0.0.1",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "0x7f000001",
    "2130706433",
    "rebinds.example",
  ]) {
    expect(await post(`http://${host}:${port}/`, receiver), host).toMatchObject({ kind: "blocked" });
  }
  expect(await post("http://user:pass@example.org/", receiver)).toMatchObject({
    kind: "blocked",
    code: "CREDENTIALS_FORBIDDEN",
  });
  expect(await post("http://example.org:22/", receiver)).toMatchObject({
    kind: "blocked",
    code: "PORT_FORBIDDEN",
  });
  expect(await post("not a url", receiver)).toMatchObject({ kind: "blocked", code: "URL_INVALID" });
  expect(connections).toBe(0);
});

test("a DNS answer that changes gains nothing: what was judged is what is connected to", async () => {
  let connections = 0;
  const port = await listen(createTcpServer(() => (connections += 1)));
  const answers = ["93.184.216.34", "127.0.0.1"];
  const asked: string[] = [];
  const resolve: Resolve = (hostname, callback) => {
    const address = answers[Math.min(asked.length, 1)] ?? "";
    asked.push(hostname);
    callback(null, [{ address, family: 4 }]);
  };
  const receiver = receiverOf({ policy: strictPolicy, resolve });
  // The first answer is public: it is connected to (and does not answer here). The second one is refused.
  expect(await post(`http://rebinds.example:${port}/`, receiver, 300)).not.toMatchObject({
    kind: "answered",
  });
  expect(await post(`http://rebinds.example:${port}/`, receiver, 300)).toMatchObject({
    kind: "blocked",
    code: "ADDRESS_FORBIDDEN",
  });
  expect(asked).toEqual(["rebinds.example", "rebinds.example"]);
  expect(connections).toBe(0);
});

test("of several addresses only those that are public are used", async () => {
  const resolve: Resolve = (_, callback) =>
    callback(null, [
      { address: "10.0.0.1", family: 4 },
      { address: "fd00::1", family: 6 },
    ]);
  const exchange = await post("http://both.example:8080/", receiverOf({ policy: strictPolicy, resolve }));
  expect(exchange).toMatchObject({ kind: "blocked", message: expect.stringContaining("10.0.0.1, fd00::1") });
});

test("a certificate that nobody trusts is a network failure; a trusted one is used, with its time", async () => {
  const { key, cert } = selfSigned();
  const server = createHttpsServer({ key, cert }, (request, response) => {
    request.resume();
    response.end("secure");
  });
  const url = `https://localhost:${await listen(server)}`;
  expect(await post(url)).toMatchObject({ kind: "network", code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
  const trusted = await post(url, receiverOf({ ca: cert }));
  expect(trusted).toMatchObject({ kind: "answered", statusCode: 200, responseBody: "secure" });
  expect(trusted.tlsMs).toBeGreaterThan(0);
});

test("HTTP/2 is spoken where a receiver offers it", async () => {
  const { key, cert } = selfSigned();
  const versions: string[] = [];
  const server = createSecureServer({ key, cert, allowHTTP1: true }, (request, response) => {
    versions.push(request.httpVersion);
    request.resume();
    request.on("end", () => response.end("two"));
  });
  const url = `https://localhost:${await listen(server as unknown as Server)}`;
  const receiver = receiverOf({ ca: cert });
  const exchanges = await Promise.all([post(url, receiver), post(url, receiver), post(url, receiver)]);
  expect(exchanges.map((exchange) => exchange.responseBody)).toEqual(["two", "two", "two"]);
  expect(new Set(versions)).toEqual(new Set(["2.0"]));
});
