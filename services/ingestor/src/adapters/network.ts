import WebSocket from "ws";
import { largeAnswerBytes } from "./large-answer.ts";
import type { PieceStream } from "./piece-stream.ts";
import { streamLargeMessages } from "./ws-pieces.ts";

/** What is used of a socket of `ws`. */
export interface Socket {
  readonly readyState: number;
  on(event: "open" | "pong", listener: () => void): unknown;
  on(event: "message", listener: (data: Buffer) => void): unknown;
  on(event: "error", listener: (error: Error) => void): unknown;
  on(event: "close", listener: (code: number, reason: Buffer) => void): unknown;
  send(text: string): void;
  ping(): void;
  terminate(): void;
}

/** What is used of undici's pool of connections. */
export interface HttpPool {
  request(question: {
    readonly path: string;
    readonly method: "POST";
    readonly headers: Readonly<Record<string, string>>;
    readonly body: string;
  }): Promise<HttpResponse>;
  destroy(): Promise<void>;
}

export interface HttpResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: AsyncIterable<Buffer> & { dump(): Promise<void> };
}

/** The way out to providers. A simulation has one of its own. */
export interface Network {
  /** Begins to connect. Messages too large to hold go to `onLarge` while they come, the others are `message` events. */
  openSocket(url: string, handshakeTimeoutMs: number, onLarge: (message: PieceStream) => void): Socket;
  /** @param silenceMs after as long without a byte, a request fails. */
  openPool(origin: string, silenceMs: number): HttpPool;
}

const connectionsMax = 16;
/** A block's logs can be 150 MB of JSON. */
const answerBytesMax = 512 * 1_048_576;
const framesMax = 1_048_576;

export const realNetwork: Network = {
  openSocket(url, handshakeTimeoutMs, onLarge) {
    const socket = new WebSocket(url, {
      perMessageDeflate: false,
      // Text is parsed as JSON right after: invalid bytes fail there, and checking them twice costs as much as parsing.
      skipUTF8Validation: true,
      maxPayload: answerBytesMax,
      // Some nodes send frames of a kilobyte, whatever the message.
      maxFragments: framesMax,
      handshakeTimeout: handshakeTimeoutMs,
    });
    socket.on("open", () => streamLargeMessages(socket, largeAnswerBytes, onLarge));
    return socket;
  },
  openPool(origin, silenceMs) {
    const opening = openUndiciPool(origin, silenceMs);
    // Whoever asks first hears of it.
    opening.catch(() => undefined);
    return {
      request: async (question) => (await opening).request(question),
      destroy: async () => (await opening).destroy(),
    };
  },
};

async function openUndiciPool(origin: string, silenceMs: number): Promise<HttpPool> {
  // Only where a chain has an HTTP provider: it takes 12 MB of memory.
  const { Pool } = await import("undici");
  return new Pool(origin, {
    connections: connectionsMax,
    maxResponseSize: answerBytesMax,
    // Both count silence, not the length of an answer: 150 MB may take their time.
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
  });
}
