import { kafkaVersion } from "@ethhook/infra";
import pg from "pg";
import { createJsonRpc } from "../demo/json-rpc.ts";
import type { Session } from "./session.ts";

/** What each engine says of its version; "unknown" for one that does not answer. */
export async function readVersions({
  engines,
  settings,
  rows,
}: Session): Promise<Readonly<Record<string, string>>> {
  const { outcomes } = engines;
  const kafka = outcomes.find(({ key }) => key === "kafka");
  const nodes = outcomes.filter(({ key }) => key.startsWith("node-"));
  const node = nodes.find(({ how }) => how !== "given");
  const asked: Record<string, Promise<string>> = {
    node: Promise.resolve(process.version),
    // A broker does not tell its version to its clients.
    kafka: Promise.resolve(kafka?.how === "given" ? "given by KAFKA_BROKERS" : kafkaVersion),
    clickhouse: rows.version(),
    postgres: postgresVersion(settings.DATABASE_URL),
    ...(node === undefined ? {} : { evm: nodeVersion(node.url) }),
  };
  const entries = Object.entries(asked).map(
    async ([name, version]) => [name, await version.catch(() => "unknown")] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

async function postgresVersion(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ server_version: string }>("SHOW server_version");
    return rows[0]?.server_version ?? "unknown";
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function nodeVersion(url: string): Promise<string> {
  const [version] = await createJsonRpc(url.replace(/^ws/, "http"))([["web3_clientVersion", []]]);
  return String(version);
}
