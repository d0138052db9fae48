import { lookup as dnsLookup, type LookupAddress } from "node:dns";
import type { Socket } from "node:net";
import { buildConnector } from "undici";
import type { AddressPolicy, AddressRefusal } from "@ethhook/kit";

/** Policy forbids this address: the attempt is `blocked`. */
export class BlockedError extends Error {
  readonly code: string;

  constructor({ code, message }: AddressRefusal) {
    super(message);
    this.name = "BlockedError";
    this.code = code;
  }
}

/** How long a connection took, kept on its socket until the first exchange reads it. */
export interface ConnectTimes {
  readonly connectMs: number;
  readonly tlsMs: number | null;
}

export type Resolve = (
  hostname: string,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

export interface ConnectorOptions {
  readonly policy: AddressPolicy;
  readonly connectTimeoutMs: number;
  /** Resolves a name; the system's resolver by default. */
  readonly resolve?: Resolve;
  /** Further authorities to trust, PEM. */
  readonly ca?: string | readonly string[];
}

const systemResolve: Resolve = (hostname, callback) =>
  dnsLookup(hostname, { all: true, verbatim: true }, (error, addresses) => callback(error, addresses));

/**
 * Connects only where the policy allows. The name is resolved once per connection, the answers are judged, and the socket is given
 * just those that passed: what was judged is what is used, so an answer that changes (DNS rebinding) gains nothing.
 */
export function createGuardedConnector(
  options: ConnectorOptions,
  onConnected: (origin: string, times: ConnectTimes) => void,
): buildConnector.connector {
  const resolve = options.resolve ?? systemResolve;

  function lookup(
    hostname: string,
    asked: { readonly all?: boolean },
    callback: (error: Error | null, address: string | LookupAddress[], family?: number) => void,
  ): void {
    resolve(hostname, (error, addresses) => {
      if (error) return callback(error, []);
      const passed = addresses.filter(({ address }) => options.policy.checkAddress(address) === null);
      const [first] = passed;
      if (first === undefined) {
        const refusal = options.policy.checkAddress(addresses[0]?.address ?? "");
        const message = `${hostname} resolves to ${addresses.map((one) => one.address).join(", ")}: not public`;
        return callback(new BlockedError({ code: refusal?.code ?? "ADDRESS_FORBIDDEN", message }), []);
      }
      if (asked.all === true) callback(null, passed);
      else callback(null, first.address, first.family);
    });
  }

  const connect = buildConnector({
    timeout: options.connectTimeoutMs,
    allowH2: true,
    lookup: lookup as never,
    ...(options.ca === undefined ? {} : { ca: options.ca as string | string[] }),
  });

  return (target, callback) => {
    const url = urlOf(target);
    const refusal = options.policy.checkUrl(url);
    if (refusal !== null) {
      queueMicrotask(() => callback(new BlockedError(refusal), null));
      return;
    }
    const startedAt = performance.now();
    let connectedAt = startedAt;
    const socket = (connect as (...args: unknown[]) => Socket)(
      target,
      (error: Error | null, connected: Socket | null) => {
        if (error !== null || connected === null) {
          return callback(error ?? new Error("no socket"), null);
        }
        const late = options.policy.checkAddress(connected.remoteAddress ?? "");
        if (late !== null) {
          connected.destroy();
          return callback(new BlockedError(late), null);
        }
        const doneAt = performance.now();
        const secure = target.protocol === "https:";
        onConnected(url.origin, {
          connectMs: (secure ? connectedAt : doneAt) - startedAt,
          tlsMs: secure ? doneAt - connectedAt : null,
        });
        callback(null, connected as never);
      },
    );
    socket.once("connect", () => {
      connectedAt = performance.now();
    });
  };
}

function urlOf(target: buildConnector.Options): URL {
  const host =
    target.hostname.includes(":") && !target.hostname.startsWith("[")
      ? `[${target.hostname}]`
      : target.hostname;
  return new URL(`${target.protocol}//${host}${target.port === "" ? "" : `:${target.port}`}`);
}
