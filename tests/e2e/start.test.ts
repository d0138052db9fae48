import { spawnSync } from "node:child_process";
import { createServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import { lastJson, startNpm, type NpmProcess } from "../support/npm-process.ts";
import { until } from "../support/until.ts";

const running: NpmProcess[] = [];
afterEach(async () => {
  for (const one of running.splice(0)) await one.cleanUp();
});

/** Free ports for everything: other tests, or a person's own session, may have the usual ones. */
const freePorts = Object.fromEntries(
  ["KAFKA", "POSTGRES", "CLICKHOUSE", "CLICKHOUSE_NATIVE", "ETHEREUM", "ARBITRUM", "OPTIMISM", "BASE"]
    .concat(["API", "INGESTOR", "MATCHER", "DELIVERY", "LAG", "PROMETHEUS"])
    .map((name) => [`${name}_PORT`, "0"]),
);

function npmStart(args: readonly string[], env: Record<string, string> = {}): NpmProcess {
  const started = startNpm(["start", "--", ...args], { ...freePorts, ...env });
  running.push(started);
  return started;
}

/** Where the machine has one, a session runs with it at little cost. */
const hasPrometheus = !spawnSync("prometheus", ["--version"]).error;

/** Resolves when the session's Prometheus has scraped every service and the lag. */
async function everyTargetIsUp({ said, hasSaid }: NpmProcess): Promise<void> {
  const told = /Prometheus: (\S+)\/targets/;
  await hasSaid(told);
  const url = told.exec(said.stdout + said.stderr)?.[1];
  const health = async (): Promise<readonly string[]> => {
    const answer = await fetch(`${url}/api/v1/targets`);
    const { data } = (await answer.json()) as {
      data: { activeTargets: readonly { labels: { job: string }; health: string }[] };
    };
    return data.activeTargets.map(({ labels, health }) => `${labels.job} ${health}`).toSorted();
  };
  const wanted = ["api up", "delivery up", "ingestor up", "lag up", "matcher up"];
  await until("every target", health, (found) => found.join() === wanted.join());
}

interface Result {
  readonly chains: readonly Record<"blocks" | "logs" | "matched" | "delivered" | "failed", number>[];
  readonly latencyMs: { readonly p50: number; readonly p99: number };
  readonly rows: Readonly<Record<string, number>>;
  readonly seconds: number;
  readonly versions: Readonly<Record<string, string>>;
}

test("15 seconds deliver on all four chains, tell so in JSON, and leave no process", async () => {
  const { done, said, left } = npmStart(["--seconds", "15", "--json"]);
  expect(await done, said.stderr).toBe(0);
  const { chains, latencyMs, rows, seconds, versions } = lastJson<Result>(said.stdout);
  expect(chains).toMatchObject([
    { chain: "ethereum" },
    { chain: "arbitrum" },
    { chain: "optimism" },
    { chain: "base" },
  ]);
  for (const { blocks, logs, matched, delivered, failed } of chains) {
    expect(blocks).toBeGreaterThan(10);
    expect(logs).toBeGreaterThan(50);
    expect({ matched, delivered, failed }).toEqual({ matched: logs, delivered: logs, failed: 0 });
  }
  const logs = chains.reduce((sum, chain) => sum + chain.logs, 0);
  // ClickHouse reads at least once: a repeated record is two rows until they are merged.
  expect(Math.min(rows["logs"] ?? 0, rows["deliveries"] ?? 0, rows["attempts"] ?? 0)).toBeGreaterThanOrEqual(
    logs,
  );
  expect(latencyMs.p50).toBeGreaterThan(0);
  expect(latencyMs.p99).toBeGreaterThanOrEqual(latencyMs.p50);
  expect(seconds).toBe(15);
  expect(Object.keys(versions)).toEqual(["node", "kafka", "clickhouse", "postgres", "evm"]);
  expect(left()).toEqual([]);
});

test("a service that is killed is started again; an engine that is killed ends the session with a sentence, and nothing is left", async () => {
  const session = npmStart(hasPrometheus ? ["--json", "--prometheus"] : ["--json"]);
  const { done, said, left, hasSaid } = session;
  await hasSaid(/[1-9]\d* delivered/);
  if (hasPrometheus) await everyTargetIsUp(session);
  const kill = (command: string): void => {
    const victim = left().find((one) => one.command.includes(command));
    process.kill(victim?.pid ?? 0, "SIGKILL");
  };
  // That nothing is lost then is for tests/integration/matcher-scaling.test.ts.
  kill("services/matcher/");
  await hasSaid(/matcher was ended by SIGKILL. It is started again/);
  kill("kafka.Kafka");
  expect(await done).toBe(1);
  expect(said.stderr).toContain("Kafka was ended by SIGKILL. Its log: ");
  expect(said.stderr).not.toContain("    at ");
  expect(left()).toEqual([]);
});

test("SIGTERM while it starts ends everything", async () => {
  const { child, done, left, hasSaid } = npmStart([]);
  await hasSaid(/Starting api/);
  expect(left().length).toBeGreaterThan(5);
  child.kill("SIGTERM");
  await done;
  expect(left()).toEqual([]);
});

test("a port that was asked for and is taken ends in a sentence", async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const { done, said, left } = npmStart(["--seconds", "5"], { API_PORT: String(port) });
  expect(await done).toBe(1);
  server.close();
  expect(said.stderr).toContain(`Port ${port} is in use, and API_PORT asks for it for the api.`);
  expect(said.stderr).not.toContain("    at ");
  expect(left()).toEqual([]);
});
