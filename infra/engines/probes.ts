import { brokerAnswers } from "./kafka/metadata.ts";
import { withPostgres } from "./postgres-client.ts";

/** Each asks a server for a real answer, in at most this time. A refused connection rejects with the client's error. */
const timeoutMs = 2_000;

/** Whether one of the brokers of a `KAFKA_BROKERS` list is in service. */
export async function kafkaAnswers(brokers: string): Promise<boolean> {
  const asked = brokers.split(",").map(async (broker) => {
    const { hostname, port } = new URL(`kafka://${broker.trim()}`);
    if (await brokerAnswers(hostname, Number(port || 9092), timeoutMs)) return true;
    throw new Error(`${broker} is not in service`);
  });
  return Promise.any(asked);
}

/** Whether a Postgres server answers a query. */
export function postgresAnswers(url: string): Promise<boolean> {
  return withPostgres(url, async (client) => (await client.query("SELECT 1")).rowCount === 1);
}

/** Whether a ClickHouse server answers a query over HTTP. */
export async function clickHouseAnswers(url: string): Promise<boolean> {
  return (await queryClickHouse(url, "SELECT 1", timeoutMs)).trim() === "1";
}

/** Runs a statement over HTTP with the user of the URL. Rejects with ClickHouse's own message. */
export async function queryClickHouse(url: string, statement: string, limitMs: number): Promise<string> {
  const { origin, username, password } = new URL(url);
  const response = await fetch(origin, {
    method: "POST",
    body: statement,
    headers: username
      ? {
          "x-clickhouse-user": decodeURIComponent(username),
          "x-clickhouse-key": decodeURIComponent(password),
        }
      : {},
    signal: AbortSignal.timeout(limitMs),
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(answer.slice(0, 300));
  return answer;
}

/** Whether a node answers `eth_chainId` with this chain, over HTTP or WebSocket. */
export async function answersAs(url: string, chainId: number): Promise<boolean> {
  const request = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_chainId", params: [] });
  const answer = url.startsWith("ws")
    ? await askOverWebSocket(url, request)
    : await askOverHttp(url, request);
  const result: unknown = (JSON.parse(answer) as { result?: unknown }).result;
  return Number(result) === chainId;
}

async function askOverHttp(url: string, request: string): Promise<string> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: request,
    signal: AbortSignal.timeout(timeoutMs),
  });
  return response.text();
}

function askOverWebSocket(url: string, request: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    const timer = setTimeout(() => finish(() => reject(new Error("no answer"))), timeoutMs);
    const finish = (outcome: () => void): void => {
      clearTimeout(timer);
      socket.close();
      outcome();
    };
    socket.addEventListener("open", () => socket.send(request));
    socket.addEventListener("message", ({ data }) => finish(() => resolve(String(data))));
    socket.addEventListener("error", () => finish(() => reject(new Error("the connection failed"))));
  });
}
