import { expect, test } from "vitest";
import { pageOf } from "./page.ts";

const all = ["a", "b", "c", "d"].map((id) => ({ id }));
const read = async ({ limit, after }: { limit: number; after?: string | undefined }) => {
  const from = after === undefined ? 0 : all.findIndex(({ id }) => id === after) + 1;
  return all.slice(from, from + limit);
};

test("a page that is not the last names the item to go on after", async () => {
  expect(await pageOf({ limit: 3 }, read)).toEqual({ items: all.slice(0, 3), next: "c" });
});

test("a page that ends exactly with the last item has no next", async () => {
  expect(await pageOf({ limit: 4 }, read)).toEqual({ items: all, next: null });
  expect(await pageOf({ limit: 2, after: "b" }, read)).toEqual({ items: all.slice(2), next: null });
});

test("following next visits every item once", async () => {
  const seen: string[] = [];
  let after: string | undefined;
  do {
    const page = await pageOf({ limit: 1, after }, read);
    seen.push(...page.items.map(({ id }) => id));
    after = page.next ?? undefined;
  } while (after !== undefined);
  expect(seen).toEqual(["a", "b", "c", "d"]);
});
