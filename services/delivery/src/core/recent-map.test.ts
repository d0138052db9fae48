import { expect, test } from "vitest";
import { createRecentMap } from "./recent-map.ts";

test("who is used stays, however many others come; who is not makes room", () => {
  const map = createRecentMap<number | null>(100);
  map.set("used", null);
  map.set("unused", 1);
  for (let n = 0; n < 1_000; n += 1) {
    map.set(`other ${n}`, n);
    expect(map.get("used")).toBeNull();
    expect(map.keys().size).toBeLessThanOrEqual(100);
  }
  expect(map.get("unused")).toBeUndefined();
  expect(map.get("other 999")).toBe(999);
});

test("a key that is set again has its new value, in whichever half it was", () => {
  const map = createRecentMap<number>(4);
  for (const [key, value] of [
    ["a", 1],
    ["b", 2],
    ["c", 3],
    ["a", 4],
    ["c", 5],
  ] as const)
    map.set(key, value);
  expect(["a", "b", "c"].map((key) => map.get(key))).toEqual([4, 2, 5]);
  expect([...map.keys()].toSorted()).toEqual(["a", "b", "c"]);
});
