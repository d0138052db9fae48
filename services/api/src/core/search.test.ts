import { attemptQuery, deliveryQuery } from "@ethhook/schemas/api";
import { expect, test } from "vitest";
import { attemptWindow, deliveryWindow, nextAfter } from "./search.ts";

const now = Date.parse("2026-05-02T00:00:00Z");
const hash = `0x${"a".repeat(64)}`;
const windowOf = (query: object) => deliveryWindow(deliveryQuery.parse(query), now);

test("a search looks at the last day, and a little ahead of the clock", () => {
  expect(windowOf({})).toMatchObject({
    value: { sinceMs: now - 86_400_000, untilMs: now + 86_400_000, before: null },
  });
});

test("what is named is looked for in all of the past", () => {
  expect(windowOf({ transactionHash: hash })).toMatchObject({ value: { sinceMs: 0 } });
  const named = attemptQuery.parse({ webhookId: `msg_${"0".repeat(32)}` });
  expect(attemptWindow(named, now)).toMatchObject({ value: { sinceMs: 0 } });
});

test("a stated time is taken as stated, in any zone", () => {
  const query = { since: "2026-05-01T02:00:00+02:00", until: "2026-05-01T12:00:00Z" };
  expect(windowOf(query)).toMatchObject({
    value: { sinceMs: Date.parse("2026-05-01T00:00:00Z"), untilMs: Date.parse(query.until) },
  });
});

test("the next page begins after the last item of this one", () => {
  const items = [3, 2, 1].map((atMs) => ({ atMs, id: `msg_${atMs}` }));
  const page = nextAfter(items, 2, ({ atMs, id }) => [atMs, id]);
  expect(page).toEqual({ items: items.slice(0, 2), next: "2~msg_2" });
  expect(windowOf({ after: page.next })).toMatchObject({ value: { before: { atMs: 2, id: "msg_2" } } });
  expect(nextAfter(items, 3, ({ atMs, id }) => [atMs, id]).next).toBeNull();
});

test.each(["", "x", "1~", "~msg_1", "1~a' OR 1=1"])("%j is no place to go on from", (after) => {
  expect(windowOf({ after })).toMatchObject({ ok: false, code: "INVALID_REQUEST" });
});
