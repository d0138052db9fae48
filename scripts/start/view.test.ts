import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import type { Snapshot, Summary } from "./snapshot.ts";
import { renderLine, renderLive, renderSummary } from "./view.ts";

const chain = (name: string, delivered: number) => {
  return {
    chain: name,
    chainId: 1,
    blocks: 4,
    logs: 20,
    matched: 20,
    delivered,
    failed: 20 - delivered,
    head: 12,
  };
};
const snapshot: Snapshot = {
  seconds: 65.4,
  secondsTotal: 120,
  chains: [chain("ethereum", 20), chain("base", 18)],
  latencyMs: { p50: 4.24, p99: 23.7 },
  deliveriesPerSecond: 19.96,
  logsPerSecond: 20,
  lag: [
    { group: "matcher.latest", records: 0 },
    { group: "clickhouse.logs", records: 12 },
  ],
  links: [["ClickHouse", "http://127.0.0.1:8123/play"]],
  refused: 0,
};
const plain = { width: 100, colour: false };

test("the live view shows each chain, the total, latency, lag and links", () => {
  expect(renderLive(snapshot, plain)).toEqual([
    "EthHook  01:05 of 02:00   Ctrl-C stops everything, and its data is gone",
    "",
    "chain             head    blocks      logs   matched delivered    failed",
    "ethereum           #12         4        20        20        20         0",
    "base               #12         4        20        20        18         2",
    "total                          8        40        40        38         2",
    "",
    "block → receiver  p50 4.2 ms  p99 24 ms    20.0 logs/s  20.0 webhooks/s",
    "lag, records      matcher.latest 0",
    "  of ClickHouse   logs 12",
    "",
    "ClickHouse  http://127.0.0.1:8123/play",
  ]);
});

test("no line is wider than the terminal, colours not counted", () => {
  const coloured = renderLive(snapshot, { width: 30, colour: true });
  const seen = coloured.map(stripVTControlCharacters);
  expect(seen).toEqual(renderLive(snapshot, { width: 30, colour: false }));
  expect(Math.max(...seen.map((line) => line.length))).toBe(30);
});

test("wrong signatures are told in the live view", () => {
  expect(renderLive({ ...snapshot, refused: 3 }, plain)).toContain("3 webhooks had a wrong signature");
});

test("a log gets one line", () => {
  expect(renderLine(snapshot)).toBe(
    "01:05  40 logs, 40 matched, 38 delivered (ethereum 20/20, base 18/20)  " +
      "block to receiver p50 4.2 ms, p99 24 ms  lag matcher.latest 0, clickhouse.logs 12",
  );
});

const summary: Summary = {
  chains: [{ chain: "base", blocks: 4, logs: 20, matched: 20, delivered: 20, failed: 0 }],
  latencyMs: { p50: 4, p99: null },
  rows: { logs: 20, attempts: 20 },
  seconds: 15,
  versions: { kafka: "4.3.1" },
  firstWebhookSeconds: 7.94,
  problems: [],
};

test("the summary ends with whether everything was delivered", () => {
  expect(renderSummary(summary)).toEqual([
    "chain           blocks      logs   matched delivered    failed",
    "base                 4        20        20        20         0",
    "",
    "block seen to webhook received: p50 4.0 ms, p99 –",
    "first webhook 7.9 s after the start of the command",
    "rows in ClickHouse: logs 20, attempts 20",
    "versions: kafka 4.3.1",
    "",
    "Every log that matched was delivered.",
  ]);
  const lacking = renderSummary({ ...summary, problems: ["base: 20 matched, 19 were delivered."] });
  expect(lacking.slice(-2)).toEqual([
    "It cannot be shown that every log was delivered:",
    "  - base: 20 matched, 19 were delivered.",
  ]);
});
