import { expect, test } from "vitest";
import { createRandomIds } from "./random-ids.ts";

test("ids are alike in form and never the same, over many draws of random bytes", () => {
  const next = createRandomIds("att_");
  const ids = Array.from({ length: 5_000 }, next);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^att_[0-9a-f]{16}$/);
});
