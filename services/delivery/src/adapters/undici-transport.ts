import { AxiosHeaders, type AxiosAdapter, type AxiosResponse } from "axios";
import { Agent } from "undici";
import { createGuardedConnector, type ConnectorOptions, type ConnectTimes } from "./guarded-connector.ts";
import { UndiciExchange } from "./undici-exchange.ts";

/**
 * What is sent, as axios' `data`. axios passes an object of a class on as it is; headers that it is given as such it would copy four
 * times, which was a third of what a POST allocated.
 */
export class WirePost {
  /** Names and values in turn. */
  readonly headers: string[];
  readonly body: Buffer;

  constructor(headers: Readonly<Record<string, string>>, body: Buffer) {
    const list: string[] = [];
    for (const name in headers) list.push(name, headers[name] ?? "");
    this.headers = list;
    this.body = body;
  }
}

/** axios over undici. */
export interface UndiciTransport {
  /** Sends a `WirePost`. */
  readonly adapter: AxiosAdapter;
  /** Ends every exchange at once, with a code that says whose decision it was, and closes all connections. */
  destroy(code: string): Promise<void>;
}

export interface TransportOptions extends ConnectorOptions {
  /** Connections to one origin at the same time; more would let one receiver hold every file descriptor. */
  readonly connectionsPerOriginMax: number;
}

/** Fresh connections of one origin whose times no exchange has taken yet; more are forgotten. */
const untakenMax = 16;

/**
 * An axios adapter over an undici agent of our own: keep-alive, HTTP/2 where a receiver offers it, connections only where the policy
 * allows, no redirects. It resolves with an `UndiciExchange` as `response.data`, for failures too: what an exchange means is decided
 * by whoever asked, not by the client library.
 */
export function createUndiciTransport(options: TransportOptions): UndiciTransport {
  const fresh = new Map<string, ConnectTimes[]>();
  const connect = createGuardedConnector(options, (origin, times) => {
    const list = fresh.get(origin) ?? [];
    if (list.length < untakenMax) list.push(times);
    fresh.set(origin, list);
  });
  const agent = new Agent({
    connect,
    allowH2: true,
    connections: options.connectionsPerOriginMax,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    keepAliveMaxTimeout: 60_000,
    // The exchange has its own clock over everything.
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: 16_384,
  });
  const open = new Set<UndiciExchange>();

  function takeTimes(origin: string): ConnectTimes | null {
    const list = fresh.get(origin);
    const times = list?.shift() ?? null;
    if (list?.length === 0) fresh.delete(origin);
    return times;
  }

  const adapter: AxiosAdapter = (config) =>
    new Promise<AxiosResponse<UndiciExchange>>((resolve) => {
      const { origin, path } = targetOf(config.url ?? "");
      const exchange = new UndiciExchange(
        config.timeout ?? 30_000,
        () => (fresh.size === 0 ? null : takeTimes(origin)),
        (ended) => {
          open.delete(ended);
          resolve({ data: ended, status: ended.statusCode, statusText: "", headers: noHeaders, config });
        },
      );
      open.add(exchange);
      const { headers, body } = config.data as WirePost;
      try {
        agent.dispatch({ origin, path, method: "POST", headers, body }, exchange);
      } catch (error) {
        exchange.abort(error instanceof Error ? error : new Error(String(error)));
      }
    });

  return {
    adapter,
    async destroy(code) {
      const error = Object.assign(new Error("this process stops"), { code });
      for (const exchange of open) exchange.abort(error);
      await agent.destroy(error);
    },
  };
}

/** Parsed URLs of late: endpoints repeat. */
const targets = new Map<string, { readonly origin: string; readonly path: string }>();
const targetsMax = 10_000;

function targetOf(text: string): { readonly origin: string; readonly path: string } {
  const known = targets.get(text);
  if (known !== undefined) return known;
  const url = new URL(text);
  const target = { origin: url.origin, path: url.pathname + url.search };
  if (targets.size >= targetsMax) targets.clear();
  targets.set(text, target);
  return target;
}

/** The answer's own are read from the exchange. */
const noHeaders = new AxiosHeaders();
