import type { Dispatcher } from "undici";
import type { ConnectTimes } from "./guarded-connector.ts";
import { responseBytesMax } from "./response-text.ts";

/** An answer's headers by name; one that came several times is a list, whatever its name. */
type AnswerHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

export interface StageTimes {
  readonly connectMs: number | null;
  readonly tlsMs: number | null;
  readonly firstByteMs: number | null;
  readonly totalMs: number;
}

/** No complete answer in time. */
export class ExchangeTimeoutError extends Error {
  readonly code = "TIMEOUT";
}

/** Bytes that are still read, and thrown away, after enough of the answer is kept: so that the connection can be used again. */
const drainBytesMax = 65_536;
/** How long that may take. */
const drainMsMax = 2_000;

/**
 * One POST as undici drives it: keeps the beginning of the answer, ends as soon as that is complete, and ends by itself when the whole
 * exchange, body included, takes too long. Calls `settled` exactly once.
 */
export class UndiciExchange implements Dispatcher.DispatchHandler {
  statusCode = 0;
  headers: AnswerHeaders = {};
  readonly raw: Buffer[] = [];
  error: Error | null = null;

  readonly #startedAt = performance.now();
  /** Ends the exchange, and what comes of its answer after that. */
  #timer: NodeJS.Timeout;
  readonly #timeoutMs: number;
  readonly #takeConnectTimes: () => ConnectTimes | null;
  readonly #settled: (exchange: UndiciExchange) => void;
  #controller: Dispatcher.DispatchController | null = null;
  #connect: ConnectTimes | null = null;
  #firstByteAt = 0;
  #endedAt = 0;
  #received = 0;
  #kept = 0;

  constructor(
    timeoutMs: number,
    takeConnectTimes: () => ConnectTimes | null,
    settled: (exchange: UndiciExchange) => void,
  ) {
    this.#timeoutMs = timeoutMs;
    this.#takeConnectTimes = takeConnectTimes;
    this.#settled = settled;
    this.#timer = setTimeout(timedOut, timeoutMs, this);
  }

  get times(): StageTimes {
    return {
      connectMs: this.#connect?.connectMs ?? null,
      tlsMs: this.#connect?.tlsMs ?? null,
      firstByteMs: this.#firstByteAt === 0 ? null : this.#firstByteAt - this.#startedAt,
      totalMs: this.#endedAt - this.#startedAt,
    };
  }

  /** The first value of an answer's header; null when it has none. */
  header(name: string): string | null {
    const value = this.headers[name];
    return (typeof value === "string" ? value : value?.[0]) ?? null;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#connect = this.#takeConnectTimes();
    this.#controller = controller;
    // It ended while it waited for a connection: nothing may be sent any more.
    if (this.#endedAt !== 0) controller.abort(this.error ?? new ExchangeTimeoutError("too late"));
  }

  onResponseStart(_: Dispatcher.DispatchController, statusCode: number, headers: AnswerHeaders): void {
    if (statusCode < 200) return;
    this.#firstByteAt = performance.now();
    this.statusCode = statusCode;
    this.headers = headers;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#received += chunk.length;
    if (this.#kept <= responseBytesMax) {
      // Copied: the chunk is a view of a buffer that is much larger.
      const part = Buffer.from(chunk.subarray(0, responseBytesMax + 1 - this.#kept));
      this.#kept += part.length;
      this.raw.push(part);
      if (this.#kept > responseBytesMax) {
        this.#end(null);
        this.#timer = setTimeout(cutOff, drainMsMax, controller);
      }
    }
    if (this.#received > drainBytesMax) cutOff(controller);
  }

  onResponseEnd(): void {
    this.#end(null);
  }

  onResponseError(_: Dispatcher.DispatchController, error: Error): void {
    this.#end(error);
  }

  /** Ends it now: the request is taken back or its connection closed. */
  abort(error: Error): void {
    this.#end(error);
    this.#controller?.abort(error);
  }

  #end(error: Error | null): void {
    clearTimeout(this.#timer);
    if (this.#endedAt !== 0) return;
    this.#endedAt = performance.now();
    this.error = error;
    this.#settled(this);
  }

  static timeOut(exchange: UndiciExchange): void {
    exchange.abort(new ExchangeTimeoutError(`no complete answer in ${exchange.#timeoutMs} ms`));
  }
}

function timedOut(exchange: UndiciExchange): void {
  UndiciExchange.timeOut(exchange);
}

function cutOff(controller: Dispatcher.DispatchController): void {
  controller.abort(new Error("more than is read of an answer"));
}
