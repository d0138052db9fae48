import { describe, expect, test } from "vitest";
import { describeVariables } from "./config-help.ts";
import { loadConfig } from "./config.ts";
import {
  booleanText,
  clickhouseVariables,
  httpVariables,
  integerText,
  kafkaVariables,
  postgresVariables,
  secretsVariables,
} from "./variables.ts";

describe("loading", () => {
  test("defaults stand in for absent and empty variables", () => {
    expect(loadConfig({ ...kafkaVariables, ...httpVariables(9465) }, { KAFKA_BROKERS: "" })).toEqual({
      KAFKA_BROKERS: ["127.0.0.1:9092"],
      HTTP_HOST: "127.0.0.1",
      HTTP_PORT: 9465,
    });
  });

  test("every problem is reported together, and a secret is never shown", () => {
    const variables = { ...kafkaVariables, ...postgresVariables, ...secretsVariables };
    const load = () =>
      loadConfig(variables, { KAFKA_BROKERS: "nohost", DATABASE_URL: "mysql://u:hunter2@h/d" });
    expect(load).toThrow(/KAFKA_BROKERS="nohost": expected host:port/);
    expect(load).toThrow(/DATABASE_URL=\(hidden\): expected a URL that starts with postgres:\/\//);
    expect(load).toThrow(/SECRETS_KEY is not set/);
    expect(load).not.toThrow(/hunter2/);
  });

  test("brokers are a comma list, IPv6 included", () => {
    expect(loadConfig(kafkaVariables, { KAFKA_BROKERS: "a:1, b.c:2 ,[::1]:3," }).KAFKA_BROKERS).toEqual([
      "a:1",
      "b.c:2",
      "[::1]:3",
    ]);
  });

  test.each(["1e3", "70000", "-1", "80.5", " ", "0x50"])("HTTP_PORT=%j is refused", (text) => {
    expect(() => loadConfig(httpVariables(1), { HTTP_PORT: text })).toThrow("whole number from 0 to 65535");
  });

  test("a database name cannot carry SQL", () => {
    expect(() => loadConfig(clickhouseVariables, { CLICKHOUSE_DATABASE: "a; drop" })).toThrow(
      "expected a database name",
    );
  });
});

test("booleans are read as people write them, and nothing else is guessed", () => {
  for (const text of ["true", "TRUE", "1", "yes"]) expect(booleanText.parse(text)).toBe(true);
  for (const text of ["false", "0", "No "]) expect(booleanText.parse(text)).toBe(false);
  expect(booleanText.safeParse("maybe").success).toBe(false);
});

test("a whole number keeps its bounds", () => {
  const schema = integerText({ min: -1, max: 5 });
  expect([schema.parse("-1"), schema.parse("5")]).toEqual([-1, 5]);
  expect(schema.safeParse("6").success).toBe(false);
});

test("--help names every variable with its meaning and default, and hides a secret's default", () => {
  const help = describeVariables("demo", { ...kafkaVariables, ...postgresVariables, ...secretsVariables });
  expect(help).toContain("KAFKA_BROKERS");
  expect(help).toContain("default: 127.0.0.1:9092");
  expect(help).toContain("default: (required)");
  expect(help).not.toContain("ethhook:ethhook");
});
