import { createServer, type IncomingMessage } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { answer, type ChainView, type RpcCall } from "./recorded-chain-rpc.ts";
import type { RecordedBlock } from "./recorded-blocks.ts";

export interface RecordedChainOptions {
  readonly chainId: number;
  /** Consecutive blocks, oldest first, each the parent of the next. */
  readonly blocks: readonly RecordedBlock[];
  /**
   * Blocks that are there before anyone connects. The rest is announced by `next`, or by itself every `paceMs`.
   * Default: all of them.
   */
  readonly visible?: number;
  /** Milliseconds between announcements; absent: only `next` moves the head. */
  readonly paceMs?: number;
  /** Blocks behind the head that the `finalized` tag names; absent: the tag is answered with null. */
  readonly finalizedDepth?: number;
  /** The JSON of a call's result, where it is there already; undefined: it is worked out. */
  readonly textOf?: (call: RpcCall) => string | undefined;
}

/** A JSON-RPC node that plays recorded blocks over WebSocket and HTTP on one port of 127.0.0.1. */
export interface RecordedChain {
  readonly chainId: number;
  readonly wsUrl: string;
  readonly httpUrl: string;
  readonly head: RecordedBlock;
  /** Makes the next block the head and announces it. @returns false when there is none. */
  next(): boolean;
  /** From the number of its first block on, the chain is this branch; only its last block is announced. */
  reorg(branch: readonly RecordedBlock[]): void;
  /** Calls answered so far, by method. */
  readonly calls: ReadonlyMap<string, number>;
  /** Sockets that are subscribed to `newHeads`. */
  subscribers(): number;
  stop(): Promise<void>;
}

export async function startRecordedChain(options: RecordedChainOptions): Promise<RecordedChain> {
  const { chainId, finalizedDepth } = options;
  let blocks = options.blocks;
  let visible = options.visible ?? blocks.length;
  const calls = new Map<string, number>();
  const subscribed = new Map<WebSocket, string>();
  const view: ChainView = {
    chainId,
    blocks: () => blocks.slice(0, visible),
    finalizedDepth: finalizedDepth ?? null,
  };

  function respond(call: RpcCall): string {
    calls.set(call.method, (calls.get(call.method) ?? 0) + 1);
    const text = options.textOf?.(call);
    if (text !== undefined) return `{"jsonrpc":"2.0","id":${JSON.stringify(call.id)},"result":${text}}`;
    return JSON.stringify(answer(view, call));
  }

  const http = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const parsed = JSON.parse(body) as RpcCall | RpcCall[];
      const text = Array.isArray(parsed) ? `[${parsed.map(respond).join(",")}]` : respond(parsed);
      response.writeHead(200, { "content-type": "application/json" }).end(text);
    });
  });
  const ws = new WebSocketServer({ server: http, perMessageDeflate: false });
  ws.on("connection", (socket) => {
    socket.on("close", () => subscribed.delete(socket));
    socket.on("message", (data) => {
      const call = JSON.parse((data as Buffer).toString()) as RpcCall;
      if (call.method === "eth_subscribe") {
        const id = `0x${(subscribed.size + 1).toString(16)}`;
        subscribed.set(socket, id);
        socket.send(JSON.stringify({ jsonrpc: "2.0", id: call.id, result: id }));
      } else socket.send(respond(call));
    });
  });
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const { port } = http.address() as AddressInfo;

  function next(): boolean {
    const block = blocks[visible];
    if (!block) return false;
    visible += 1;
    announce(block);
    return true;
  }

  function reorg(branch: readonly RecordedBlock[]): void {
    const from = Number(branch[0]?.block.number);
    blocks = [...blocks.filter(({ block }) => Number(block.number) < from), ...branch];
    visible = blocks.length;
    const head = branch.at(-1);
    if (head) announce(head);
  }

  function announce({ block }: RecordedBlock): void {
    const { transactions: _, ...header } = block;
    for (const [socket, subscription] of subscribed) {
      socket.send(
        JSON.stringify({
          jsonrpc: "2.0",
          method: "eth_subscription",
          params: { subscription, result: header },
        }),
      );
    }
  }
  const timer = options.paceMs === undefined ? undefined : setInterval(next, options.paceMs);

  return {
    chainId,
    wsUrl: `ws://127.0.0.1:${port}`,
    httpUrl: `http://127.0.0.1:${port}`,
    get head() {
      const head = blocks[visible - 1];
      if (!head) throw new Error("the recorded chain shows no block yet");
      return head;
    },
    next,
    reorg,
    calls,
    subscribers: () => subscribed.size,
    async stop() {
      clearInterval(timer);
      for (const socket of ws.clients) socket.terminate();
      http.closeAllConnections();
      http.close();
      await once(http, "close");
    },
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
