import { expect, test } from "vitest";
import { reachOf } from "./reach.ts";

const usual = {
  KAFKA_BROKERS: "127.0.0.1:9092",
  DATABASE_URL: "postgres://ethhook:ethhook@127.0.0.1:5432/ethhook",
  CLICKHOUSE_URL: "http://127.0.0.1:8123",
};

test("on the usual ports the other commands find the session by themselves", () => {
  expect(reachOf(usual, {})).toBeNull();
});

test("what stands on another port is told, what was given is not", () => {
  const settings = { ...usual, KAFKA_BROKERS: "127.0.0.1:20001", CLICKHOUSE_URL: "http://127.0.0.1:20002" };
  expect(reachOf(settings, {})).toBe("KAFKA_BROKERS=127.0.0.1:20001 CLICKHOUSE_URL=http://127.0.0.1:20002");
  expect(reachOf(settings, { KAFKA_BROKERS: "127.0.0.1:20001" })).toBe(
    "CLICKHOUSE_URL=http://127.0.0.1:20002",
  );
});
