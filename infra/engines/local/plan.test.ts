import { builtInChains } from "@ethhook/topology";
import { expect, it } from "vitest";
import { planEngines } from "./plan.ts";

it("plans Kafka, Postgres, ClickHouse and a node for each chain", () => {
  const plans = planEngines({ env: {}, dataDir: "/nowhere" });
  expect(plans.map(({ key }) => key)).toEqual([
    "kafka",
    "postgres",
    "clickhouse",
    ...builtInChains.map(({ name }) => `node-${name}`),
  ]);
  expect(plans.every(({ given }) => given === undefined)).toBe(true);
});

it("takes what its variable names instead of starting one", () => {
  const plans = planEngines({
    env: { KAFKA_BROKERS: "broker:9092", BASE_WS_URL: "wss://base.example" },
    dataDir: "/nowhere",
  });
  const given = plans.flatMap(({ variable, given: value }) =>
    value === undefined ? [] : [[variable, value]],
  );
  expect(given).toEqual([
    ["KAFKA_BROKERS", "broker:9092"],
    ["BASE_WS_URL", "wss://base.example"],
  ]);
});

it("names a chain's variables after it, dashes as underscores", () => {
  const [chain] = builtInChains;
  const plans = planEngines({ env: {}, dataDir: "/nowhere", chains: [{ ...chain!, name: "my-chain" }] });
  expect(plans.at(-1)).toMatchObject({ key: "node-my-chain", variable: "MY_CHAIN_WS_URL" });
});

it("reports every wrong port together", () => {
  const env = { KAFKA_PORT: "ninety", BASE_PORT: "70000", POSTGRES_PORT: "0" };
  expect(() => planEngines({ env, dataDir: "/nowhere" })).toThrow(
    /KAFKA_PORT="ninety": a port is .*\n.*BASE_PORT="70000": a port is/,
  );
});
