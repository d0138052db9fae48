import { createRequire } from "node:module";
import type { Broker } from "kafkajs";

/** Requests of our own over kafkajs' connections. `kafkajs.test.ts` fails when what they rely on changes. */
const require = createRequire(import.meta.url);

/** What kafkajs has for one kind of request. */
interface Protocol {
  readonly request: { readonly apiVersion: number };
}
interface InternalBroker {
  lookupRequest(apiKey: number, definition: unknown): (request: object) => Protocol;
  readonly connectionPool: { send<T>(protocol: object): Promise<T> };
}
export const kafkajsRequests = require("kafkajs/src/protocol/requests/index.js") as {
  readonly requests: Readonly<Record<"Fetch" | "Produce", { readonly versions: readonly string[] }>>;
};
const protocolErrors = require("kafkajs/src/protocol/error.js") as {
  createErrorFromCode(code: number): ProtocolError;
};

/** An error of the broker as kafkajs names it. */
export type ProtocolError = Error & { readonly type: string; readonly retriable: boolean };

export function errorOfCode(code: number): ProtocolError {
  const error = protocolErrors.createErrorFromCode(code);
  // Younger than kafkajs.
  return code === producerFenced ? Object.assign(error, { type: "PRODUCER_FENCED" }) : error;
}
const producerFenced = 90;

const apiKeys = { Produce: 0, Fetch: 1 } as const;

export interface OwnRequest<T> {
  readonly api: keyof typeof apiKeys;
  /** Versions that the caller can write and read. */
  readonly versions: readonly [oldest: number, newest: number];
  /** More than the client's usual time, where the broker may take it. */
  readonly timeoutMs?: number;
  /** Arguments for kafkajs' own request, which is used unless `encode` is given. */
  readonly request: object;
  /** The request's body in place of kafkajs'. */
  readonly encode?: (version: number) => Buffer;
  readonly decode: (bytes: Buffer, version: number) => T & { readonly throttleMs: number };
}

/** Sends one request in the highest version that the broker, kafkajs and the caller know. */
export async function sendRequest<T>(broker: Broker, own: OwnRequest<T>): Promise<T> {
  const { lookupRequest, connectionPool } = broker as unknown as InternalBroker;
  const protocol = lookupRequest(apiKeys[own.api], kafkajsRequests.requests[own.api])(own.request);
  const version = protocol.request.apiVersion;
  const [oldest, newest] = own.versions;
  if (version < oldest || version > newest) throw new Error(`${own.api} version ${version} is not known`);
  const { encode } = own;
  try {
    return await connectionPool.send<T>({
      ...protocol,
      ...(own.timeoutMs === undefined ? {} : { requestTimeout: own.timeoutMs }),
      request: encode
        ? { ...protocol.request, encode: async () => encoded(encode(version)) }
        : protocol.request,
      response: {
        decode: (raw: Buffer) => {
          const decoded = own.decode(raw, version);
          return { ...decoded, clientSideThrottleTime: decoded.throttleMs };
        },
        parse: (decoded: T) => decoded,
      },
    });
  } catch (error) {
    // As kafkajs does with its own requests: a closed connection is opened again by the next one.
    if ((error as Error).name === "KafkaJSConnectionClosedError") await broker.disconnect();
    throw error;
  }
}

/** kafkajs takes bytes from its Encoder only, and reads these two fields of it. */
function encoded(bytes: Buffer): { readonly buf: Buffer; readonly buffer: Buffer } {
  return { buf: bytes, buffer: bytes };
}
