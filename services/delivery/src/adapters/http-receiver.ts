import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { Axios } from "axios";
import type { AddressPolicy } from "@ethhook/kit";
import type { Exchange, Outgoing, Receiver } from "../core/exchange.ts";
import { BlockedError } from "./guarded-connector.ts";
import { responseText, storable } from "./response-text.ts";
import { ExchangeTimeoutError, type UndiciExchange } from "./undici-exchange.ts";
import { WirePost, type UndiciTransport } from "./undici-transport.ts";

/**
 * Sends webhooks with axios over the transport. One place for what holds for each POST: the URL is judged before a connection is
 * looked for, no status is an error, and no data is transformed.
 */
export function createHttpReceiver(transport: UndiciTransport, policy: AddressPolicy): Receiver {
  // A bare `Axios` has none of the defaults of `axios.create`, each of which is merged for every request.
  const client = new Axios({ adapter: transport.adapter, method: "post" });
  const judged = new Map<string, BlockedError | null>();

  /** Verdicts on URLs of late: endpoints repeat. What a name resolves to is judged at each connection. */
  function refusalOf(url: string): BlockedError | null {
    let refusal = judged.get(url);
    if (refusal === undefined) {
      const checked = URL.canParse(url)
        ? policy.checkUrl(new URL(url))
        : { code: "URL_INVALID", message: "not a URL" };
      refusal = checked === null ? null : new BlockedError(checked);
      if (judged.size >= judgedMax) judged.clear();
      judged.set(url, refusal);
    }
    return refusal;
  }

  return {
    async post(request: Outgoing): Promise<Exchange> {
      const refusal = refusalOf(request.url);
      if (refusal !== null) return failed(refusal, noTimes, null, "");
      try {
        const { data: ended } = await client.request<UndiciExchange>({
          url: request.url,
          data: request.gzip ? await compressed(request) : new WirePost(request.headers, request.body),
          timeout: request.timeoutMs,
        });
        const text = responseText(ended.raw, ended.header("content-encoding"));
        const responseBody = typeof text === "string" ? text : await text;
        if (ended.error !== null) {
          return failed(ended.error, ended.times, ended.statusCode || null, responseBody);
        }
        return {
          ...ended.times,
          kind: "answered",
          statusCode: ended.statusCode,
          retryAfter: ended.header("retry-after"),
          responseBody,
        };
      } catch (error) {
        // Whatever a receiver answers is a value: a rejection would end the process, and the next one, as the delivery comes again.
        return failed(error instanceof Error ? error : new Error(String(error)), noTimes, null, "");
      }
    },
  };
}

async function compressed({ body, headers }: Outgoing): Promise<WirePost> {
  return new WirePost({ ...headers, "content-encoding": "gzip" }, await gzipAsync(body));
}

const gzipAsync = promisify(gzip);
const judgedMax = 10_000;
const noTimes = { connectMs: null, tlsMs: null, firstByteMs: null, totalMs: 0 };

function failed(
  error: Error,
  times: UndiciExchange["times"],
  statusCode: number | null,
  responseBody: string,
): Exchange {
  const kind = kindOf(error);
  const code = (error as { code?: unknown }).code;
  return {
    ...times,
    kind,
    code: typeof code === "string" ? code : error.name,
    message: storable(error.message),
    statusCode,
    responseBody,
  };
}

function kindOf(error: Error): "timeout" | "network" | "blocked" {
  if (error instanceof BlockedError || error.cause instanceof BlockedError) return "blocked";
  if (error instanceof ExchangeTimeoutError) return "timeout";
  const code = (error as { code?: unknown }).code;
  return code === "UND_ERR_CONNECT_TIMEOUT" || code === "ETIMEDOUT" ? "timeout" : "network";
}
