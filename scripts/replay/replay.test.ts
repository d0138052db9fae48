import { expect, test } from "vitest";
import { chunkSize, createPace } from "./pace.ts";
import { parsePosition } from "./position.ts";
import { createRecentIds } from "./recent-ids.ts";

const nowMs = Date.parse("2026-11-21T12:00:00Z");

test.each([
  ["2026-11-20T10:00Z", { kind: "time", ms: Date.parse("2026-11-20T10:00:00Z") }],
  ["2026-11-20 10:00", { kind: "time", ms: Date.parse("2026-11-20T10:00:00Z") }],
  ["2026-11-20T10:00:00+02:00", { kind: "time", ms: Date.parse("2026-11-20T08:00:00Z") }],
  ["2026-11-20", { kind: "time", ms: Date.parse("2026-11-20T00:00:00Z") }],
  ["-90min", { kind: "time", ms: nowMs - 5_400_000 }],
  ["-2h", { kind: "time", ms: nowMs - 7_200_000 }],
  ["block:18000000", { kind: "block", number: 18_000_000 }],
  ["offset:7", { kind: "offset", offset: 7 }],
  ["begin", { kind: "begin" }],
  ["now", { kind: "end" }],
])("“%s” is a position", (text, position) => {
  expect(parsePosition(text, nowMs)).toEqual(position);
});

test.each(["yesterday", "2h", "block:x", "18:00", "-3 weeks"])(
  "“%s” is refused with what would do",
  (text) => {
    expect(() => parsePosition(text, nowMs)).toThrow("expected a time");
  },
);

test("things go at their rate, and a pause is made up for only a little", () => {
  const pace = createPace(100, 0);
  expect(pace.take(10, 0)).toBe(0);
  expect(pace.take(10, 0)).toBe(100);
  expect(pace.take(10, 200)).toBe(0);
  // After ten quiet seconds, a fifth of a second's worth goes at once, not a thousand.
  expect(pace.take(20, 10_000)).toBe(0);
  expect(pace.take(10, 10_000)).toBe(0);
  expect(pace.take(10, 10_000)).toBe(100);
  expect(createPace(null, 0).take(1_000_000, 0)).toBe(0);
});

test("slow replays go one at a time, fast ones in batches", () => {
  expect([chunkSize(5), chunkSize(200), chunkSize(50_000), chunkSize(null)]).toEqual([1, 20, 1_000, 1_000]);
});

test("an id is new once, until so many others came that it is forgotten", () => {
  const ids = createRecentIds(2);
  expect([ids.isNew("a"), ids.isNew("a"), ids.isNew("b"), ids.isNew("c"), ids.isNew("a")]).toEqual([
    true,
    false,
    true,
    true,
    true,
  ]);
});
