import { builtInChains } from "@ethhook/topology";
import { expect, test } from "vitest";
import { checkFilter } from "./filter.ts";

const context = { chains: builtInChains, lists: [] };

test("a filter that the matcher understands is accepted", () => {
  const filter = {
    chains: ["base"],
    event: "Transfer(address indexed from, address indexed to, uint256 value)",
    where: { value: { gte: "1000" } },
  };
  expect(checkFilter(filter, context)).toEqual({ ok: true, value: undefined });
});

test("every problem is named with its place in the request and what was meant", () => {
  const refused = checkFilter({ chains: ["etherum"], event: "Transfer(adress from)" }, context);
  expect(refused).toMatchObject({
    ok: false,
    code: "INVALID_FILTER",
    problems: [
      { path: "body.filter.chains[0]", message: expect.stringContaining('did you mean "ethereum"?') },
      { path: "body.filter.event", message: expect.stringContaining('did you mean "address"?') },
    ],
  });
});

test("a list that its owner does not have is refused", () => {
  expect(checkFilter({ addresses: { list: "tokens" } }, context)).toMatchObject({ code: "INVALID_FILTER" });
});
