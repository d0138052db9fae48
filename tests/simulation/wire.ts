import type { Network } from "@ethhook/ingestor";
import type { Chance } from "./chance.ts";
import { count, type FaultName, type Tally } from "./faults.ts";
import type { Reply, SimNode } from "./node.ts";
import type { VirtualTime } from "./virtual-time.ts";

type Socket = ReturnType<Network["openSocket"]>;
type HttpResponse = Awaited<ReturnType<ReturnType<Network["openPool"]>["request"]>>;

/** One process's way to the nodes. */
export interface Wire extends Network {
  /** As the end of the process: nothing goes out or comes in any more, and nothing says so. */
  cut(): void;
  /** Tells whoever subscribed at this node. */
  announce(node: SimNode, head: unknown): void;
  /** Does something to one of the sockets that are open to this node, if there is one. */
  disturb(node: SimNode, how: "half-open" | "closed"): void;
}

export interface WireDeps {
  readonly nodes: ReadonlyMap<string, SimNode>;
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly tally: Tally;
  readonly isStorm: () => boolean;
  /** Every exchange, for the trace. */
  readonly onExchange: (node: string, method: string, reply: Reply["kind"]) => void;
}

/** Share of the sockets that do not open while the storm lasts. */
const openFailureRate = 0.25;

export function createWire(deps: WireDeps): Wire {
  const { time, chance } = deps;
  const links = new Set<Link>();
  let isCut = false;

  function nodeOf(url: string): SimNode {
    const node = deps.nodes.get(new URL(url).host);
    if (!node) throw new Error(`there is no node at ${url}`);
    return node;
  }

  /** Lets a moment pass; what would happen in a process that is gone does not happen. */
  function later(node: SimNode, run: () => void, extraMs = 0): void {
    const [least, most] = node.profile.latencyMs;
    time.after(chance.between(least, most) + extraMs, () => {
      if (!isCut) run();
    });
  }

  function ask(node: SimNode, method: string, params: readonly unknown[]): Reply {
    const reply = node.answer(method, params);
    deps.onExchange(node.profile.name, method, reply.kind);
    return reply;
  }

  function slowness(): number {
    if (!deps.isStorm() || !chance.hits(0.02)) return 0;
    count(deps.tally, "answer: slow");
    return chance.between(500, 12_000);
  }

  return {
    openSocket(url, handshakeTimeoutMs) {
      const link = createLink({ ...deps, node: nodeOf(url), later, ask, slowness });
      link.open(handshakeTimeoutMs);
      links.add(link);
      return link.socket;
    },
    openPool(origin, silenceMs) {
      const node = nodeOf(origin);
      const request = (body: string): Promise<HttpResponse> =>
        new Promise((resolve, reject) => {
          const { id, method, params } = JSON.parse(body) as Question;
          const fails = (code: string) => reject(Object.assign(new Error(code), { code }));
          const answered = () => {
            const reply = ask(node, method, params);
            if (reply.kind === "silence") later(node, () => fails("UND_ERR_HEADERS_TIMEOUT"), silenceMs);
            else if (reply.kind === "broken") fails("ECONNRESET");
            else resolve(responseOf(id, reply));
          };
          if (!isCut) later(node, answered, slowness());
        });
      return { request: ({ body }) => request(body), destroy: () => Promise.resolve() };
    },
    cut: () => (isCut = true),
    announce(node, head) {
      for (const link of links) if (link.node === node) later(node, () => link.announce(head));
    },
    disturb(node, how) {
      const open = [...links].filter((link) => link.node === node && link.socket.readyState === 1);
      if (open.length === 0) return;
      count(deps.tally, how === "closed" ? "socket: closed" : "socket: half-open");
      if (how === "closed") chance.pick(open).close("reset by peer");
      else chance.pick(open).deafen();
    },
  };
}

interface Question {
  readonly id: number;
  readonly method: string;
  readonly params: readonly unknown[];
}

function responseOf(id: number, reply: Reply): HttpResponse {
  const isStatus = reply.kind === "status";
  const text = isStatus ? "" : textOf(id, reply);
  const retryAfter = isStatus ? reply.retryAfter : undefined;
  async function* body(): AsyncGenerator<Buffer> {
    yield Buffer.from(text);
  }
  return {
    statusCode: isStatus ? reply.status : 200,
    headers: retryAfter === undefined ? {} : { "retry-after": retryAfter },
    body: Object.assign(body(), { dump: () => Promise.resolve() }),
  };
}

function textOf(id: number, reply: Reply): string {
  if (reply.kind === "result") return JSON.stringify({ jsonrpc: "2.0", id, result: reply.result });
  if (reply.kind === "error") {
    const { code, message } = reply;
    return JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } });
  }
  return "<html>Bad gateway</html>";
}

interface Link {
  readonly node: SimNode;
  readonly socket: Socket;
  open(handshakeTimeoutMs: number): void;
  announce(head: unknown): void;
  close(reason: string): void;
  /** The other side is gone, and this one never hears of it. */
  deafen(): void;
}

interface LinkDeps extends WireDeps {
  readonly node: SimNode;
  readonly later: (node: SimNode, run: () => void, extraMs?: number) => void;
  readonly ask: (node: SimNode, method: string, params: readonly unknown[]) => Reply;
  readonly slowness: () => number;
}

/** A socket to a node, with a subscription once it was asked for. */
function createLink({ node, later, ask, slowness, ...deps }: LinkDeps): Link {
  const listeners = new Map<string, ((...args: never[]) => void)[]>();
  let readyState = 0;
  let isDeaf = false;
  let subscription: unknown;

  function emit(event: string, ...args: unknown[]): void {
    for (const listener of listeners.get(event) ?? []) (listener as (...all: unknown[]) => void)(...args);
  }

  function close(reason: string): void {
    if (readyState === 3) return;
    readyState = 3;
    emit("error", new Error(reason));
    emit("close", 1006, Buffer.alloc(0));
  }

  function deliver(text: string): void {
    if (readyState === 1 && !isDeaf) emit("message", Buffer.from(text));
  }

  function fails(name: FaultName): boolean {
    if (!deps.isStorm() || !deps.chance.hits(openFailureRate / 2)) return false;
    count(deps.tally, name);
    return true;
  }

  function open(handshakeTimeoutMs: number): void {
    if (fails("socket: refused")) return later(node, () => close("connect ECONNREFUSED"));
    if (fails("socket: handshake never ends"))
      return later(node, () => close("Opening handshake has timed out"), handshakeTimeoutMs);
    later(node, () => {
      if (readyState !== 0) return;
      readyState = 1;
      emit("open");
    });
  }

  function send(text: string): void {
    const { id, method, params } = JSON.parse(text) as Question;
    const answered = () => {
      if (readyState !== 1 || isDeaf) return;
      const reply = ask(node, method, params);
      if (reply.kind === "silence") return;
      if (reply.kind === "broken" || reply.kind === "status") return close("reset by peer");
      if (method === "eth_subscribe" && reply.kind === "result") subscription = reply.result;
      deliver(textOf(id, reply));
    };
    later(node, answered, slowness());
  }

  const socket: Socket = {
    get readyState() {
      return readyState;
    },
    on(event: string, listener: (...args: never[]) => void) {
      listeners.set(event, [...(listeners.get(event) ?? []), listener]);
      return socket;
    },
    send,
    ping: () =>
      later(node, () => {
        if (readyState === 1 && !isDeaf) emit("pong");
      }),
    terminate: () => (readyState = 3),
  };
  return {
    node,
    socket,
    open,
    close,
    deafen: () => (isDeaf = true),
    announce(head) {
      if (subscription === undefined || subscription === null) return;
      const params = { subscription, result: head };
      deliver(JSON.stringify({ jsonrpc: "2.0", method: "eth_subscription", params }));
    },
  };
}
