import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import type { Log } from "@ethhook/schemas";

export interface ReceiptsProvider {
  readonly url: string;
  /** The logs that it has from now on. */
  set(logs: readonly Log[]): void;
  close(): void;
}

/** A node that knows one block of a chain, by its receipts. */
export async function startReceiptsProvider(
  chainId: number,
  logs: readonly Log[],
): Promise<ReceiptsProvider> {
  let present = logs;
  const server = createServer((request, response) => {
    void json(request).then((asked) => {
      const { method } = asked as { readonly method: string };
      const receipts = present.map((log) => ({
        logs: [{ ...log, logIndex: `0x${log.logIndex.toString(16)}` }],
      }));
      const result = method === "eth_chainId" ? `0x${chainId.toString(16)}` : receipts;
      response.end(JSON.stringify({ jsonrpc: "2.0", id: 1, result }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    set: (now) => {
      present = now;
    },
    close: () => server.close(),
  };
}
