import type { AxiosAdapter, AxiosResponse, InternalAxiosRequestConfig } from "axios";
import { Agent } from "undici";
import { createGuardedConnector, type ConnectorOptions, type ConnectTimes } from "./guarded-connector.ts";
import { UndiciExchange } from "./undici-exchange.ts";

/** axios over undici. */
export interface UndiciTransport {
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
      const { origin, path } = targetOf(config);
      const exchange = new UndiciExchange(
        config.timeout ?? 30_000,
        () => (fresh.size === 0 ? null : takeTimes(origin)),
        (ended) => {
          open.delete(ended);
          resolve({ data: ended, status: ended.statusCode, statusText: "", headers: {}, config });
        },
      );
      open.add(exchange);
      const body = config.data as Buffer;
      try {
        agent.dispatch({ origin, path, method: "POST", headers: headerList(config), body }, exchange);
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

function targetOf(config: InternalAxiosRequestConfig): { readonly origin: string; readonly path: string } {
  const text = config.url ?? "";
  const known = targets.get(text);
  if (known !== undefined) return known;
  const url = new URL(text);
  const target = { origin: url.origin, path: url.pathname + url.search };
  if (targets.size >= targetsMax) targets.clear();
  targets.set(text, target);
  return target;
}

function headerList(config: InternalAxiosRequestConfig): string[] {
  const list: string[] = [];
  const headers = config.headers as unknown as Record<string, string>;
  for (const name of Object.keys(headers)) list.push(name, headers[name] ?? "");
  return list;
}
