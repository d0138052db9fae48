import {
  operations,
  type ErrorBody,
  type Operation,
  type OperationCall,
  type OperationId,
  type OperationOutput,
  type Operations,
} from "@ethhook/schemas/api";

/** Calls operations of the REST API by their id, typed by the contract. */
export type ApiClient = <K extends OperationId>(
  operationId: K,
  input: OperationCall<Operations[K]>,
) => Promise<OperationOutput<Operations[K]>>;

const timeoutMs = 10_000;

/**
 * @param url `http://host:port` of the API.
 * @param key what goes into `Authorization: Bearer`.
 * @returns a caller that throws an Error with the API's own code and sentence when it refuses.
 */
export function createApiClient(url: string, key: string): ApiClient {
  return async (operationId, input) => {
    const operation: Operation = operations[operationId];
    const { params, query, body } = input as {
      params?: Record<string, string>;
      query?: Record<string, unknown>;
      body?: unknown;
    };
    const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => params?.[name] ?? "");
    const search = new URLSearchParams(
      Object.entries(query ?? {}).map(([name, value]): [string, string] => [name, String(value)]),
    );
    const response = await fetch(`${url}${path}${search.size > 0 ? `?${search.toString()}` : ""}`, {
      method: operation.method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await response.text();
    const answer: unknown = text === "" ? undefined : JSON.parse(text);
    if (!response.ok) {
      const { code, message } = (answer as ErrorBody).error;
      throw new Error(`${operationId}: ${code}: ${message}`);
    }
    return answer as OperationOutput<Operations[typeof operationId]>;
  };
}
