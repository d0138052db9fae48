import { createKafka, createLogger, createMetrics, loadConfig, Registry } from "@ethhook/kit";
import { createMatcher } from "@ethhook/matcher";
import { matcherVariables } from "@ethhook/matcher/config";
import { metricCatalogue } from "@ethhook/topology";
import pg from "pg";
import type { BareDrain } from "../bare/match-loop.ts";
import { serve } from "../load/worker.ts";

export interface MatchWorkerSettings {
  readonly brokers: readonly string[];
  readonly databaseUrl: string;
}

export type MatchRequest =
  /** Matches everything that stands in the topic, from its beginning; measured after so many logs. */
  | ({ readonly kind: "drain"; readonly partitions: number } & BareDrain)
  | { readonly kind: "start" }
  | { readonly kind: "stop" };

export interface Drained {
  readonly cpuSeconds: number;
  readonly seconds: number;
  readonly logs: number;
  readonly deliveries: number;
  /** Statements that Postgres ran meanwhile. */
  readonly queries: number;
}

const group = "matcher.latest";
const pollMs = 2;
const logger = createLogger({ name: "bench", level: "error" });

/** The product's matcher in a process of its own. */
await serve<MatchWorkerSettings, MatchRequest>(async ({ brokers, databaseUrl }) => {
  let running: { stop(budgetMs: number): Promise<void> } | undefined;

  function create() {
    const registry = new Registry();
    const env = { KAFKA_BROKERS: brokers.join(","), DATABASE_URL: databaseUrl, MATCHER_GROUPS: "latest" };
    const metrics = createMetrics(metricCatalogue, registry);
    const matcher = createMatcher(loadConfig(matcherVariables, env), { logger, metrics, now: Date.now });
    const count = async (name: string): Promise<number> => {
      const metric = await registry.getSingleMetric(name)?.get();
      return metric?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
    };
    return { matcher, count };
  }

  async function rewind(topic: string, partitions: number): Promise<void> {
    const admin = createKafka({ brokers, clientId: "bench", logger }).admin();
    const offsets = Array.from({ length: partitions }, (_, partition) => ({ partition, offset: 0 }));
    await admin.setOffsets(group, topic, offsets);
    await admin.close();
  }

  /** Measures from when the first logs are done, so that filters are in memory and the code is compiled, to the last. */
  async function drain(request: MatchRequest & { kind: "drain" }): Promise<Drained> {
    const { topic, partitions, logs, warmLogs } = request;
    await rewind(topic, partitions);
    const { matcher, count } = create();
    const done = (): Promise<number> => count("ethhook_matcher_logs_total");
    const starting = matcher.start();
    let before = 0;
    while (before < warmLogs) {
      await pause();
      before = await done();
    }
    const cpu = process.cpuUsage();
    const startedMs = performance.now();
    const queriesBefore = await statements(databaseUrl);
    while ((await done()) < logs) await pause();
    const { user, system } = process.cpuUsage(cpu);
    const seconds = (performance.now() - startedMs) / 1000;
    const queries = (await statements(databaseUrl)) - queriesBefore - 1;
    const deliveries = await count("ethhook_matcher_deliveries_total");
    await starting;
    await matcher.stop(10_000);
    return { cpuSeconds: (user + system) / 1e6, seconds, logs: logs - before, deliveries, queries };
  }

  async function answer(request: MatchRequest): Promise<Drained | undefined> {
    if (request.kind === "drain") return drain(request);
    if (request.kind === "start") {
      const { matcher } = create();
      running = matcher;
      await matcher.start();
      return undefined;
    }
    await running?.stop(10_000);
    running = undefined;
    return undefined;
  }

  return { answer, stop: async () => running?.stop(5_000) };
});

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, pollMs));
}

/** Transactions that the database has ended: each statement outside one is one. */
async function statements(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ count: string }>(
    "SELECT xact_commit AS count FROM pg_stat_database WHERE datname = current_database()",
  );
  await client.end();
  return Number(rows[0]?.count ?? 0);
}
