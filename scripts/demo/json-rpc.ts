/** Calls JSON-RPC methods of one node, several in one HTTP request. */
export type JsonRpc = (
  calls: readonly (readonly [method: string, params: readonly unknown[]])[],
) => Promise<unknown[]>;

const timeoutMs = 10_000;

/**
 * @param url `http://` address of a node.
 * @returns a caller whose results stand in the order of the calls; it throws on the first error of the node.
 */
export function createJsonRpc(url: string): JsonRpc {
  return async (calls) => {
    const body = JSON.stringify(
      calls.map(([method, params], id) => ({ jsonrpc: "2.0", id, method, params })),
    );
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      signal: AbortSignal.timeout(timeoutMs),
    });
    const answers = (await response.json()) as RpcAnswer[];
    const byId = new Map(answers.map((item) => [item.id, item]));
    return calls.map(([method], id) => {
      const item = byId.get(id);
      if (item === undefined || item.error) {
        throw new Error(`${method} at ${url}: ${item?.error?.message ?? "no answer"}`);
      }
      return item.result;
    });
  };
}

interface RpcAnswer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}
