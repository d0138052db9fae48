import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { monotonicMs } from "./clock.ts";
import { serve } from "./worker.ts";

/** Waits for the POSTs of these events, at most `withinMs`. Others may come too; they belong to no run. */
export interface Collect {
  readonly eventIds: readonly string[];
  readonly withinMs: number;
}

export interface Collected {
  /** Event id → monotonic milliseconds when the body of the first POST that was answered with 200 had been read. */
  readonly receivedMs: ReadonlyMap<string, number>;
  readonly repeated: number;
}

/** How it answers from now on. What hangs when its path no longer does is answered then. */
export interface Mood {
  /** Status of every answer. */
  readonly status: number;
  /** Paths whose POSTs get no answer. */
  readonly hanging: readonly string[];
}

const marker = Buffer.from('"eventId":"');

/** The event id in a body, found without parsing: a receiver that parses would be the slowest part of the path. */
function eventIdOf(body: Buffer): string {
  const start = body.indexOf(marker) + marker.length;
  return body.toString("latin1", start, body.indexOf(0x22, start));
}

interface Held {
  readonly path: string;
  readonly body: Buffer;
  readonly response: ServerResponse;
}

type Request = Collect | Mood | { readonly port: true };

await serve<{ readonly port: number }, Request>(async ({ port }) => {
  let receivedMs = new Map<string, number>();
  let repeated = 0;
  let status = 200;
  let hanging: ReadonlySet<string> = new Set();
  let held: Held[] = [];
  let onReceived: () => void = () => undefined;

  function answered({ body, response }: Held, atMs: number): void {
    response.writeHead(status).end();
    if (status !== 200) return;
    const id = eventIdOf(body);
    if (receivedMs.has(id)) repeated += 1;
    else receivedMs.set(id, atMs);
    onReceived();
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const atMs = monotonicMs();
      const body = chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks);
      const one = { path: request.url ?? "", body, response };
      if (hanging.has(one.path)) held.push(one);
      else answered(one, atMs);
    });
  });
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));

  function setMood(mood: Mood): void {
    status = mood.status;
    hanging = new Set(mood.hanging);
    const waiting = held;
    held = [];
    for (const one of waiting) {
      if (hanging.has(one.path)) held.push(one);
      // One that its client has given up was not received.
      else if (one.response.socket?.destroyed === false) answered(one, monotonicMs());
    }
  }

  async function collect({ eventIds, withinMs }: Collect): Promise<Collected> {
    const all = Promise.withResolvers<void>();
    let next = 0;
    onReceived = () => {
      while (next < eventIds.length && receivedMs.has(eventIds[next] ?? "")) next += 1;
      if (next === eventIds.length) all.resolve();
    };
    onReceived();
    const timer = setTimeout(all.resolve, withinMs);
    await all.promise;
    clearTimeout(timer);
    const collected = { receivedMs, repeated };
    receivedMs = new Map();
    repeated = 0;
    onReceived = () => undefined;
    return collected;
  }

  return {
    answer: async (request) => {
      if ("port" in request) return (server.address() as AddressInfo).port;
      return "hanging" in request ? setMood(request) : collect(request);
    },
    stop: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
});
