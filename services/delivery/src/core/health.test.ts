import { expect, test } from "vitest";
import { createHealthBook, failingMsMax } from "./health.ts";
import type { Notice } from "./notice.ts";
import { sampleEndpoint as endpoint } from "./testing/sample-jobs.ts";

function open() {
  const told: Notice[] = [];
  const book = createHealthBook((notice) => void told.push(notice));
  const record = (healthy: boolean, atMs: number) =>
    book.record({ endpoint, partition: 3, healthy, error: "status 500", atMs });
  return { book, told, record };
}

test("an endpoint that fails for five days is given up; one success starts the count again", () => {
  const { record } = open();
  expect(record(false, 0)).toBeNull();
  expect(record(false, failingMsMax - 1)).toBeNull();
  expect(record(true, failingMsMax - 1)).toBeNull();
  expect(record(false, failingMsMax)).toBeNull();
  expect(record(false, 2 * failingMsMax)).toContain("status 500");
});

test("its owner is told once that it fails, and once that it recovered", () => {
  const { book, told, record } = open();
  record(false, 1_000);
  book.breakerOpened(endpoint, 3, 61_000);
  book.breakerOpened(endpoint, 3, 121_000);
  record(true, 130_000);
  record(true, 131_000);
  expect(told.map(({ type }) => type)).toEqual(["endpoint.failing", "endpoint.recovered"]);
  expect(told[0]).toMatchObject({ sinceMs: 1_000, failures: 1, lastError: "status 500" });
});

test("a single failure is nobody's news", () => {
  const { told, record } = open();
  record(false, 0);
  record(true, 1);
  expect(told).toEqual([]);
});

test("changes are handed out once, recovery as null, and come again when they could not be stored", () => {
  const { book, record } = open();
  expect(book.changes().size).toBe(0);
  record(false, 0);
  const changes = book.changes();
  expect(changes.get("ep_1")).toMatchObject({ failures: 1, failingSinceMs: 0, partition: 3 });
  expect(book.changes().size).toBe(0);
  record(true, 1);
  book.putBack(changes);
  expect([...book.changes()]).toEqual([["ep_1", null]]);
});

test("what was stored is known after a restart", () => {
  const first = open();
  first.record(false, 0);
  first.book.breakerOpened(endpoint, 3, 60_000);
  const stored = [...first.book.changes().values()].filter((health) => health !== null);
  const second = open();
  second.book.restore(stored);
  expect(second.book.get("ep_1")).toMatchObject({ openUntilMs: 60_000, failingSinceMs: 0 });
  second.book.breakerOpened(endpoint, 3, 120_000);
  expect(second.told, "told before the restart").toEqual([]);
});
