import type { Delivery, Log } from "@ethhook/schemas";
import { compileFilter, evaluate, parseFilter } from "@ethhook/schemas/filter";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createMatcherWorld, type MatcherWorld, type TestMatcher } from "../support/matcher-world.ts";
import { until } from "../support/until.ts";
import { realBlocks, realLogs } from "../support/real-logs.ts";

const transfer = "Transfer(address indexed from, address indexed to, uint256 value)";
const weth = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
const filters = {
  ep_large: { chains: ["ethereum"], event: transfer, where: { value: { gte: "1000000000000000000" } } },
  ep_weth: { addresses: [weth] },
  ep_none: { chains: ["base"] },
};

let world: MatcherWorld;
let matcher: TestMatcher;

beforeAll(async () => {
  world = await createMatcherWorld();
  for (const [endpoint, filter] of Object.entries(filters)) await world.subscribe(endpoint, { filter });
  matcher = world.matcher();
  await matcher.start();
});

afterAll(async () => {
  await matcher?.stop(5_000);
  await world?.stop();
});

function expected(logs: readonly Log[], filter: unknown): number {
  const parsed = parseFilter(filter, {
    chains: [
      { id: 1, name: "ethereum" },
      { id: 8453, name: "base" },
    ],
  });
  if (!parsed.ok) throw new Error("not a filter");
  const compiled = compileFilter(parsed.filter);
  return logs.filter((log) => evaluate(compiled, log).matched).length;
}

function of(deliveries: readonly Delivery[], endpoint: string): Delivery[] {
  return deliveries.filter((delivery) => delivery.endpointId === endpoint);
}

async function deliveriesOf(endpoint: string, count: number): Promise<Delivery[]> {
  const found = await until(
    "deliveries",
    () => world.deliveries(),
    (all) => of(all, endpoint).length >= count,
  );
  return of(found, endpoint);
}

test("each log of a real block becomes one delivery for each endpoint whose filter accepts it", async () => {
  const logs = await realLogs(realBlocks[0]);
  expect(logs).toHaveLength(291);
  await world.publish(logs);
  const large = await deliveriesOf("ep_large", expected(logs, filters.ep_large));
  const fromWeth = await deliveriesOf("ep_weth", expected(logs, filters.ep_weth));
  expect(large).toHaveLength(expected(logs, filters.ep_large));
  expect(fromWeth).toHaveLength(expected(logs, filters.ep_weth));
  expect(of(await world.deliveries(), "ep_none")).toEqual([]);
  const [first] = large;
  expect(JSON.parse(first!.body)).toMatchObject({
    type: "log.new",
    timestamp: "2023-08-26T16:21:35.000Z",
    data: {
      chain: "ethereum",
      finality: "latest",
      endpointId: "ep_large",
      event: { name: "Transfer", signature: "Transfer(address,address,uint256)" },
      filter: { version: 1, why: "Transfer where value gte 1000000000000000000" },
    },
  });
});

test("a filter that is added while the matcher runs applies to the next block, and not to the one before", async () => {
  const version = await world.subscribe("ep_late", { filter: { addresses: [weth] } });
  await matcher.knows(version);
  const second = await realLogs(realBlocks[0], 2);
  await world.publish(second);
  const late = await deliveriesOf("ep_late", expected(second, filters.ep_weth));
  expect(new Set(late.map((delivery) => delivery.sequence))).toEqual(new Set([2]));
});

test("a named list is shared by filters, changes between blocks, and is the same after a restart", async () => {
  const logs = await realLogs(realBlocks[0], 3);
  const usdt = "0xdac17f958d2ee523a2206206994597c13d831ec7";
  const count = (address: string): number => logs.filter((log) => log.address === address).length;
  await world.changeList("tokens", [weth, usdt]);
  await world.subscribe("ep_list", { filter: { addresses: { list: "tokens" } } });
  await matcher.knows(
    await world.subscribe("ep_transfers", { filter: { addresses: { list: "tokens" }, event: transfer } }),
  );
  await world.publish(logs);
  await deliveriesOf("ep_list", count(weth) + count(usdt));

  await matcher.knows(await world.changeList("tokens", [], [weth]));
  await world.publish(await realLogs(realBlocks[0], 4));
  const second = await deliveriesOf("ep_list", count(weth) + 2 * count(usdt));
  expect(second.filter((one) => one.contract === weth && one.sequence === 4)).toEqual([]);

  await matcher.stop(5_000);
  matcher = world.matcher();
  await matcher.start();
  await world.publish(await realLogs(realBlocks[0], 5));
  // One stands in it now, one stood in it in an older version: both are in memory, and the first counts.
  expect(await matcher.metric("ethhook_matcher_list_addresses")).toEqual(new Map([["", 1]]));
  expect((await matcher.metric("ethhook_matcher_list_bytes")).get("")).toBeGreaterThan(0);
  const third = await deliveriesOf("ep_list", count(weth) + 3 * count(usdt));
  expect(third).toHaveLength(count(weth) + 3 * count(usdt));
  expect(of(await world.deliveries(), "ep_transfers").every((one) => one.why === "Transfer")).toBe(true);
});

test("a reorg is told to exactly those who were told of the logs, by a matcher that started since", async () => {
  const filter = { addresses: [weth] };
  await matcher.knows(await world.subscribe("ep_told", { filter }));
  const logs = (await realLogs(realBlocks[0], 6)).filter((log) => log.address === weth);
  await world.publish(logs);
  await deliveriesOf("ep_told", logs.length);
  await world.subscribe("ep_told", null);
  await matcher.knows(await world.subscribe("ep_after", { filter }));
  await matcher.stop(5_000);
  matcher = world.matcher();
  await matcher.start();
  await world.publish(logs.map((log) => ({ ...log, kind: "removed", sequence: 7, addedSequence: 6 })));
  // Logs of the same contract stand behind the removals in their partition: once they are there, all removals are.
  await world.publish((await realLogs(realBlocks[0], 8)).filter((log) => log.address === weth));
  await deliveriesOf("ep_after", logs.length);
  const removals = (await world.deliveries()).filter((one) => one.kind === "removed");
  const told = removals.map((one) => one.endpointId);
  expect(new Set(told)).toEqual(new Set(["ep_told", "ep_weth", "ep_late"]));
  expect(of(removals, "ep_told")).toHaveLength(logs.length);
  const webhooks = await world.deliveries();
  expect(new Set(webhooks.map((one) => one.webhookId)).size).toBe(webhooks.length);
});
