import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { monotonicMs } from "./clock.ts";
import { serve } from "./worker.ts";

/** Waits for the POSTs of these events, at most `withinMs`. Others may come too; they belong to no run. */
export interface Collect {
  readonly eventIds: readonly string[];
  readonly withinMs: number;
}

export interface Collected {
  /** Event id → monotonic milliseconds when the body of its first POST had been read. */
  readonly receivedMs: ReadonlyMap<string, number>;
  readonly repeated: number;
}

const marker = Buffer.from('"eventId":"');

/** The event id in a body, found without parsing: a receiver that parses would be the slowest part of the path. */
function eventIdOf(body: Buffer): string {
  const start = body.indexOf(marker) + marker.length;
  return body.toString("latin1", start, body.indexOf(0x22, start));
}

await serve<{ readonly port: number }, Collect | { readonly port: true }>(async ({ port }) => {
  let receivedMs = new Map<string, number>();
  let repeated = 0;
  let onReceived: () => void = () => undefined;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const atMs = monotonicMs();
      response.writeHead(200).end();
      const id = eventIdOf(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks));
      if (receivedMs.has(id)) repeated += 1;
      else receivedMs.set(id, atMs);
      onReceived();
    });
  });
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));

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
    answer: async (request) =>
      "port" in request ? (server.address() as AddressInfo).port : collect(request),
    stop: async () => server.close(),
  };
});
