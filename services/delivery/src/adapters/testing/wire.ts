import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from "node:net";
import { createAddressPolicy } from "@ethhook/kit";
import type { Exchange, Receiver } from "../../core/exchange.ts";
import type { Resolve } from "../guarded-connector.ts";
import { createHttpReceiver } from "../http-receiver.ts";
import { createUndiciTransport } from "../undici-transport.ts";

// Real servers on 127.0.0.1, and the receiver under test. For tests only.

const closing: (() => Promise<void> | void)[] = [];

/** Ends everything that was made here: after each test. */
export async function closeAll(): Promise<void> {
  for (const close of closing.splice(0).toReversed()) await close();
}

export const openPolicy = createAddressPolicy({ allowPrivate: true, allowHttp: true, allowed: [] });
export const strictPolicy = createAddressPolicy({ allowPrivate: false, allowHttp: true, allowed: [] });

export function receiverOf(
  options: { resolve?: Resolve; ca?: string; policy?: typeof openPolicy } = {},
): Receiver {
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

export async function listen(server: Server): Promise<number> {
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

/** A server with this listener. @returns its URL. */
export const http = async (listener: RequestListener) =>
  `http://127.0.0.1:${await listen(createHttpServer(listener))}`;

/** A server that writes what it likes on the wire. */
export const raw = async (each: (socket: Socket) => void) => {
  const server = createTcpServer((socket) => void socket.once("data", () => each(socket)));
  return `http://127.0.0.1:${await listen(server)}`;
};

export const post = (url: string, receiver = receiverOf(), timeoutMs = 1_000): Promise<Exchange> =>
  receiver.post({
    url,
    headers: { "content-type": "application/json" },
    body: Buffer.from("{}"),
    gzip: false,
    timeoutMs,
  });
