import { afterEach, expect, test } from "vitest";
import { createHttpReceiver } from "./http-receiver.ts";
import { closeAll, http, openPolicy, post, raw, receiverOf } from "./testing/wire.ts";

afterEach(closeAll);

/** A server that answers each POST with these headers and this body. */
const answering = (headers: readonly string[], body = "oops", status = "503 Unavailable") =>
  raw((socket) => {
    const length = Buffer.byteLength(body);
    socket.write(
      ["HTTP/1.1 " + status, ...headers, `content-length: ${length}`, "connection: close", "", body].join(
        "\r\n",
      ),
    );
  });

test.each(["constructor", "__proto__", "toString", "hasOwnProperty", "gzip, constructor", ""])(
  "an answer may call its encoding %j: it is kept as it came",
  async (encoding) => {
    const url = await answering([`content-encoding: ${encoding}`]);
    expect(await post(url)).toMatchObject({ kind: "answered", statusCode: 503, responseBody: "oops" });
  },
);

test("a header that comes twice counts as its first, whatever its name", async () => {
  const url = await answering([
    "content-encoding: identity",
    "content-encoding: gzip",
    "retry-after: 7",
    "retry-after: 9",
    "constructor: a",
    "constructor: b",
    "__proto__: a",
    "__proto__: b",
  ]);
  expect(await post(url)).toMatchObject({
    kind: "answered",
    statusCode: 503,
    retryAfter: "7",
    responseBody: "oops",
  });
});

test("no NUL of an answer is kept: Postgres could not store it", async () => {
  const url = await answering([], "a\0b");
  expect((await post(url)).responseBody).toBe("a\uFFFDb");
});

test("whatever goes wrong below it is a failed exchange: a rejection would end the process", async () => {
  const adapter = () => Promise.reject(new TypeError("encoding.trim is not a function"));
  const receiver = createHttpReceiver({ adapter, destroy: async () => undefined }, openPolicy);
  expect(await post("http://127.0.0.1:9/", receiver)).toMatchObject({
    kind: "network",
    code: "TypeError",
    message: "encoding.trim is not a function",
    statusCode: null,
  });
});

test("an answer that stops when enough of it is read loses its connection soon", async () => {
  const closed = Promise.withResolvers<void>();
  const url = await http((request, response) => {
    request.resume();
    response.on("close", closed.resolve);
    response.writeHead(200, { "content-length": "5000" }).write("x".repeat(4_097));
  });
  const exchange = await post(url);
  expect(exchange).toMatchObject({ kind: "answered", statusCode: 200 });
  await closed.promise;
});

test("a connection whose long answer came to its end is used again", async () => {
  const url = await http((request, response) => {
    request.resume();
    response.writeHead(200).end("x".repeat(5_000));
  });
  const receiver = receiverOf();
  expect((await post(url, receiver)).connectMs).toBeGreaterThan(0);
  await new Promise((resolve) => void setImmediate(resolve));
  expect((await post(url, receiver)).connectMs).toBeNull();
});
