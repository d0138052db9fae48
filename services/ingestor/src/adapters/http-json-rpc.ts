import { RpcError } from "../core/rpc/rpc-error.ts";
import type { RpcTransport } from "../core/rpc/transport.ts";
import { failureOf, type RpcAnswer } from "./json-rpc-answer.ts";
import { largeAnswerBytes, parseLargeAnswer } from "./large-answer.ts";
import { type HttpPool, type Network, realNetwork } from "./network.ts";

export interface HttpJsonRpcOptions {
  readonly url: string;
  readonly name: string;
  readonly requestTimeoutMs: number;
  /** Default: the real one. */
  readonly network?: Network;
}

const lateCodes: ReadonlySet<string> = new Set([
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** JSON-RPC over HTTP with kept-alive connections. */
export function createHttpJsonRpc(options: HttpJsonRpcOptions): RpcTransport {
  const { origin, pathname, search, username, password } = new URL(options.url);
  const path = pathname + search;
  const login = username
    ? {
        authorization: `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64")}`,
      }
    : {};
  const headers = { "content-type": "application/json", ...login };
  let pool: HttpPool | undefined;

  async function request(method: string, params: readonly unknown[]): Promise<unknown> {
    const where = `${method} at ${options.name}`;
    if (!pool) throw new RpcError("network", `${where}: not started`);
    const question = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
    try {
      const response = await pool.request({ path, method: "POST", headers, body: question });
      const { statusCode: status } = response;
      if (status === 429 || status === 503) {
        await response.body.dump();
        const retryAfterMs = retryAfterToMs(response.headers["retry-after"], Date.now());
        throw new RpcError("rate-limited", `${where}: HTTP ${status}`, { retryAfterMs });
      }
      return resultOf(where, method, status, await readAnswer(response.body));
    } catch (error) {
      if (error instanceof RpcError) throw error;
      const isLate = lateCodes.has((error as { code?: string }).code ?? "");
      const said = isLate ? `gave no answer in ${options.requestTimeoutMs} ms` : (error as Error).message;
      throw new RpcError(isLate ? "timeout" : "network", `${where}: ${said}`, { cause: error });
    }
  }

  return {
    kind: "http",
    isUp: () => pool !== undefined,
    request,
    start(events) {
      pool ??= (options.network ?? realNetwork).openPool(origin, options.requestTimeoutMs);
      events.onUp();
    },
    stop() {
      const stopping = pool;
      pool = undefined;
      // Requests under way reject with it: nobody waits for them any more.
      stopping?.destroy().catch(() => undefined);
    },
    rebuild() {},
  };
}

/** @returns the parsed answer; undefined if it is not JSON. A large list in it is read while it comes. */
async function readAnswer(body: AsyncIterable<Buffer>): Promise<RpcAnswer | undefined> {
  const source = body[Symbol.asyncIterator]();
  const pieces: Buffer[] = [];
  let bytes = 0;
  for (let next = await source.next(); ; next = await source.next()) {
    if (next.done) break;
    pieces.push(next.value);
    bytes += next.value.length;
    if (bytes >= largeAnswerBytes) return (await parseLargeAnswer(continued(pieces, source))) as object;
  }
  try {
    return JSON.parse(Buffer.concat(pieces).toString()) as RpcAnswer;
  } catch {
    return undefined;
  }
}

async function* continued(pieces: readonly Buffer[], rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  yield* pieces;
  try {
    yield* { [Symbol.asyncIterator]: () => rest };
  } catch (error) {
    throw new RpcError("network", `an answer broke off: ${String(error)}`, { cause: error });
  }
}

function resultOf(where: string, method: string, status: number, answer: RpcAnswer | undefined): unknown {
  // Some providers answer an error of JSON-RPC with an HTTP error, some with 200: the body says more.
  if (answer?.error !== undefined && answer.error !== null) throw failureOf(method, answer.error);
  if (status === 413) throw new RpcError("range-too-large", `${where}: HTTP 413`);
  if (status >= 400) throw new RpcError("network", `${where}: HTTP ${status}`);
  if (typeof answer !== "object" || answer === null || !("result" in answer))
    throw new RpcError("malformed", `${where}: neither result nor error`);
  return answer.result;
}

/** Reads a `Retry-After` header: seconds or a date. @returns milliseconds from now; undefined if there is none. */
export function retryAfterToMs(value: string | string[] | undefined, nowMs: number): number | undefined {
  const text = Array.isArray(value) ? value[0] : value;
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return Number(text) * 1_000;
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.max(0, date - nowMs);
}
