import { payloadSchema } from "@ethhook/schemas";
import { parseFilter, type Filter } from "@ethhook/schemas/filter";
import { builtInChains } from "@ethhook/topology";
import { expect, test } from "vitest";
import { matchBlock } from "./match-block.ts";
import { readBlock } from "./read-block.ts";
import { Refusal } from "./refusal.ts";
import { asText } from "./report.ts";

const ethereum = builtInChains[0]!;

function filterOf(input: unknown): Filter {
  const parsed = parseFilter(input, { chains: builtInChains });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.filter;
}

async function tryOn(input: unknown, lists = new Map<string, ReadonlySet<string>>()) {
  const block = await readBlock({ kind: "recorded" }, ethereum, 18_000_000);
  return matchBlock({ filter: filterOf(input), block, chain: "ethereum", finality: "latest", lists });
}

test("every log of a block is a match with its payload, or has a reason", async () => {
  const event = "Transfer(address indexed from, address indexed to, uint256 value)";
  const report = await tryOn({ event, where: { value: { gte: "1000000000000000000000000" } } });
  expect(report).toMatchObject({ chain: "ethereum", number: 18_000_000, logs: 291 });
  expect(report.matches.map((match) => match.logIndex)).toEqual([113, 114, 152]);
  for (const { payload } of report.matches)
    expect(payloadSchema.parse(payload).data.event?.name).toBe("Transfer");
  expect(report.reasons.reduce((sum, one) => sum + one.logs, report.matches.length)).toBe(291);
  expect(asText(report, 1)).toContain("291 logs, 3 match");
  expect(asText(report, 0)).not.toContain("eventId");
});

test("a named list is given beside the filter", async () => {
  const weth = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
  const report = await tryOn({ addresses: { list: "mine" } }, new Map([["mine", new Set([weth])]]));
  expect(new Set(report.matches.map((match) => match.address))).toEqual(new Set([weth]));
});

test("a block that is not recorded is refused with the way out", async () => {
  const reading = readBlock({ kind: "recorded" }, ethereum, 5);
  await expect(reading).rejects.toThrow(Refusal);
  await expect(reading).rejects.toThrow("ETHEREUM_HTTP_URL");
});
