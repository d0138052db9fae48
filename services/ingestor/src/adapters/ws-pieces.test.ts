import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { streamLargeMessages } from "./ws-pieces.ts";

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

/** What a client hears when the server sends each message as these frames: `large` ones came as a stream. */
async function heard(
  messages: readonly (readonly string[])[],
  largeBytes: number,
): Promise<(readonly ["small" | "large", string])[]> {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  server.on("connection", (socket) => {
    for (const frames of messages) {
      frames.forEach((frame, index) => socket.send(frame, { fin: index === frames.length - 1 }));
      socket.ping();
    }
  });
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    perMessageDeflate: false,
  });
  const all: (readonly ["small" | "large", string])[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  const add = (size: "small" | "large", text: string) => {
    all.push([size, text]);
    if (all.length === messages.length) resolve();
  };
  client.on("open", () =>
    streamLargeMessages(client, largeBytes, (stream) => {
      void textOf(stream).then((text) => add("large", text));
    }),
  );
  client.on("message", (data) => add("small", (data as Buffer).toString()));
  await promise;
  client.terminate();
  server.close();
  return all;
}

test("a large message comes as a stream that makes up its text, a small one as it always did", async () => {
  // More than may wait unread: the sender is paused and goes on.
  const large = "0123456789".repeat(1_000_000);
  const all = await heard([["{}"], [large], [large, large], ["end"]], 500_000);
  // Streams are complete when they are read, so the order of arrival is not the order of the end.
  expect(all.filter(([size]) => size === "small").map(([, text]) => text)).toEqual(["{}", "end"]);
  expect(all.filter(([size]) => size === "large").map(([, text]) => text)).toEqual([large, large + large]);
});

test("many small frames that make a large message are a stream too", async () => {
  const frames = Array.from({ length: 2_000 }, (_, index) => `${index},`);
  const all = await heard([frames, ["next"]], 2_000);
  expect(Object.fromEntries(all)).toEqual({ large: frames.join(""), small: "next" });
});

test("a stream that breaks off says so", async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  server.on("connection", (socket) => {
    socket.send("x".repeat(2_000), { fin: false });
    socket.once("message", () => socket.terminate());
  });
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
  const { promise, resolve } = Promise.withResolvers<AsyncIterable<Buffer>>();
  client.on("open", () => streamLargeMessages(client, 1_000, resolve));
  const stream = await promise;
  client.send("enough");
  await expect(textOf(stream)).rejects.toThrow("closed within a message");
  server.close();
});
