import { RpcError } from "../core/rpc/rpc-error.ts";
import type { RpcTransport, TransportEvents } from "../core/rpc/transport.ts";
import { failureOf } from "./json-rpc-answer.ts";
import { parseLargeAnswer } from "./large-answer.ts";
import { type Network, realNetwork, type Socket } from "./network.ts";
import type { PieceStream } from "./piece-stream.ts";

export interface WsJsonRpcOptions {
  readonly url: string;
  /** Shown in logs and metrics: never the URL, whose path often is the key. */
  readonly name: string;
  readonly requestTimeoutMs: number;
  /** A ping as often as this; a socket without any sign of life for as long again is cut and built anew. */
  readonly probeIntervalMs: number;
  /** Delay before connecting again, by number of failures in a row, 1-based. */
  readonly reconnectDelayMs: (failures: number) => number;
  /** Default: the real one. */
  readonly network?: Network;
}

/** `readyState` of a socket that is connected. */
const open = 1;
/** Requests that wait for an answer on one socket. */
const pendingMax = 1_024;

interface Pending {
  readonly method: string;
  readonly settle: (error: Error | null, result?: unknown) => void;
  readonly timer: NodeJS.Timeout;
}

/** JSON-RPC over a WebSocket that rebuilds itself, with `newHeads`. Starts nothing until `start`. */
export function createWsJsonRpc(options: WsJsonRpcOptions): RpcTransport {
  const { network = realNetwork } = options;
  const pending = new Map<number, Pending>();
  let socket: Socket | undefined;
  let nextId = 1;
  let failures = 0;
  let running = false;
  let heardSinceProbe = true;
  let subscription: unknown;
  let timer: NodeJS.Timeout | undefined;
  let events: TransportEvents = { onHead: () => {}, onUp: () => {}, onDown: () => {} };

  function connect(): void {
    if (!running) return;
    const opened = network.openSocket(
      options.url,
      options.requestTimeoutMs,
      (message) => void onLargeMessage(opened, message),
    );
    socket = opened;
    let reason = "closed";
    opened.on("open", () => onOpen(opened));
    opened.on("message", (data) => {
      heardSinceProbe = true;
      onMessage(opened, data);
    });
    opened.on("pong", () => (heardSinceProbe = true));
    opened.on("error", (error) => (reason = error.message));
    opened.on("close", (code, text) => {
      if (socket === opened) onClose(code === 1006 ? reason : `closed (${code} ${text.toString()})`);
    });
  }

  function onOpen(opened: Socket): void {
    heardSinceProbe = true;
    clearTimeout(timer);
    timer = setInterval(() => probe(opened), options.probeIntervalMs);
    send("eth_subscribe", ["newHeads"], options.requestTimeoutMs).then(
      (id) => {
        subscription = id;
        events.onUp();
      },
      (error: Error) => {
        if (socket === opened) cut(opened, `newHeads: ${error.message}`);
      },
    );
  }

  /** A half-open socket looks healthy: only an answer proves that someone is there. */
  function probe(opened: Socket): void {
    if (!heardSinceProbe) return cut(opened, `no sign of life for ${options.probeIntervalMs} ms`);
    heardSinceProbe = false;
    opened.ping();
  }

  function cut(opened: Socket, reason: string): void {
    opened.terminate();
    if (socket === opened) onClose(reason);
  }

  function onClose(reason: string): void {
    socket = undefined;
    subscription = undefined;
    clearTimeout(timer);
    for (const { settle, method } of pending.values()) {
      settle(new RpcError("network", `${method} at ${options.name}: ${reason}`));
    }
    pending.clear();
    if (!running) return;
    failures += 1;
    const delayMs = options.reconnectDelayMs(failures);
    events.onDown(reason, delayMs);
    timer = setTimeout(connect, delayMs);
  }

  function onMessage(opened: Socket, data: Buffer): void {
    let message: unknown;
    try {
      message = JSON.parse(data.toString());
    } catch (error) {
      // Whose answer it was cannot be told: all of them are asked again on a new connection.
      return cut(opened, `not JSON: ${String(error)}`);
    }
    if (typeof message !== "object" || message === null) return;
    const { method, params } = message as Record<string, unknown>;
    if (method !== "eth_subscription") return settle(message);
    const notice = params as { subscription?: unknown; result?: unknown } | undefined;
    // The first head can come before the subscription's id: nothing else is subscribed to, so any will do then.
    if (subscription !== undefined && notice?.subscription !== subscription) return;
    // Only a head proves that the subscription works: until one came, each rebuild waits longer.
    failures = 0;
    events.onHead(notice?.result);
  }

  /** The rest of the message follows while its list is read. */
  async function onLargeMessage(opened: Socket, pieces: PieceStream): Promise<void> {
    try {
      const message = await parseLargeAnswer(watched(pieces));
      const isWanted = typeof message["id"] === "number" && pending.has(message["id"]);
      if (isWanted) settle(message);
      // Nobody reads it any more: a new connection is cheaper than the rest of it.
      else cut(opened, "a large answer that nobody waits for");
    } catch (error) {
      cut(opened, `a large answer broke: ${String(error)}`);
    }
  }

  /** Every piece is a sign of life. */
  async function* watched(pieces: PieceStream): AsyncGenerator<Buffer> {
    try {
      for await (const piece of pieces) {
        heardSinceProbe = true;
        yield piece;
      }
    } catch (error) {
      throw new RpcError("network", `an answer of ${options.name} broke off`, { cause: error });
    }
  }

  function settle(message: object): void {
    const { id, result, error } = message as { id?: unknown; result?: unknown; error?: unknown };
    const waiting = typeof id === "number" ? pending.get(id) : undefined;
    if (!waiting) return;
    pending.delete(id as number);
    if (error !== undefined && error !== null) waiting.settle(failureOf(waiting.method, error));
    else waiting.settle(null, result);
  }

  function send(method: string, params: readonly unknown[], timeoutMs: number): Promise<unknown> {
    const opened = socket;
    if (opened?.readyState !== open)
      return Promise.reject(new RpcError("network", `${method} at ${options.name}: not connected`));
    if (pending.size >= pendingMax)
      return Promise.reject(
        new RpcError("rate-limited", `${options.name}: ${pendingMax} requests are waiting`),
      );
    const id = nextId++;
    return new Promise((resolve, reject) => {
      const giveUp = setTimeout(() => {
        pending.delete(id);
        reject(new RpcError("timeout", `${method} at ${options.name} gave no answer in ${timeoutMs} ms`));
      }, timeoutMs);
      const settle: Pending["settle"] = (error, result) => {
        clearTimeout(giveUp);
        if (error) reject(error);
        else resolve(result);
      };
      pending.set(id, { method, settle, timer: giveUp });
      opened.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }));
    });
  }

  return {
    kind: "ws",
    isUp: () => subscription !== undefined,
    request: (method, params) => send(method, params, options.requestTimeoutMs),
    start(given) {
      events = given;
      running = true;
      connect();
    },
    stop() {
      running = false;
      clearTimeout(timer);
      const opened = socket;
      if (!opened) return;
      onClose("stopped");
      opened.terminate();
    },
    rebuild(reason) {
      if (socket) cut(socket, reason);
    },
  };
}
