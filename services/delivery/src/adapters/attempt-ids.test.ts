import { expect, test } from "vitest";
import { createAttemptIds } from "./attempt-ids.ts";

test("ids of a process count up and are never the same", () => {
  const next = createAttemptIds();
  const ids = Array.from({ length: 5_000 }, next);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^att_[0-9a-f]{20}$/);
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids.map((id) => id.slice(0, 16))).size).toBe(1);
});

test("two processes do not make the same ids", () => {
  expect(createAttemptIds()()).not.toBe(createAttemptIds()());
});
