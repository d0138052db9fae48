import { startEngines, type Engines } from "@ethhook/infra";
import { migrateClickHouse, migratePostgres } from "@ethhook/scripts/migrate";
import { applyTopology } from "@ethhook/scripts/topology";
import type { Log } from "@ethhook/schemas";
import { builtInChains, createTopology, toRecord } from "@ethhook/topology";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startApiUnderTest, type ApiUnderTest, type Json, type TestUser } from "../support/api-under-test.ts";
import { testKafka } from "../support/kafka.ts";
import { realBlocks, realLogs } from "../support/real-logs.ts";
import { until } from "../support/until.ts";

const topology = createTopology(builtInChains);
const transfer = "Transfer(address indexed from, address indexed to, uint256 value)";
const transferTopic = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";
const weth = "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2";
let engines: Engines;
let world: ApiUnderTest;
let user: TestUser;
let logs: readonly Log[];
let period: { since: string; until: string };

beforeAll(async () => {
  engines = await startEngines({ kafka: true, postgres: true, clickhouse: true });
  const brokers = [engines.kafka?.url ?? ""];
  const urls = { clickhouseUrl: engines.clickhouse?.url ?? "", postgresUrl: engines.postgres?.url ?? "" };
  const kafka = testKafka(brokers[0]!, topology);
  const admin = kafka.admin();
  await Promise.all([applyTopology(admin, topology), migratePostgres(urls.postgresUrl)]);
  await admin.close();
  await migrateClickHouse({
    url: urls.clickhouseUrl,
    database: "ethhook",
    brokers,
    chains: builtInChains,
  });
  logs = await realLogs(realBlocks[0]);
  const producer = kafka.producer();
  await producer.start();
  await producer.send(logs.map((log) => toRecord(topology.logs.of(log.chainId), log)));
  await producer.stop();
  world = await startApiUnderTest({ ...urls, brokers });
  user = await world.newUser();
  const second = (logs[0]?.blockTimestamp ?? 0) * 1_000;
  period = { since: new Date(second).toISOString(), until: new Date(second + 1_000).toISOString() };
  await until(
    "every log of block 18,000,000 in ClickHouse",
    async () => (await dryRun({})).evaluated,
    (evaluated) => evaluated === logs.length,
    30_000,
  );
});

afterAll(async () => {
  await world?.api.stop(1_000);
  await engines?.stop();
});

async function dryRun(filter: object, more: object = {}): Promise<Json> {
  return (await user.ask("POST", "/v1/filters/dry-run", { filter, ...period, ...more })).body;
}

const isTransfer = (log: Log): boolean => log.topics[0] === transferTopic && log.topics.length === 3;

test("a dry run over block 18,000,000 counts what the logs themselves say", async () => {
  const expected = logs.filter(isTransfer);
  const result = await dryRun({ event: transfer }, { examples: 3 });
  expect(result).toMatchObject({ matched: expected.length, truncated: false });
  const last = expected.at(-1)!;
  expect(result.examples).toHaveLength(3);
  expect(result.examples[0]).toMatchObject({
    chainId: 1,
    blockNumber: 18_000_000,
    transactionHash: last.transactionHash,
    logIndex: last.logIndex,
    address: last.address,
    event: { name: "Transfer", args: { value: BigInt(last.data).toString() } },
  });
});

test("only what chain, address and topic leave open is evaluated, and conditions decide the rest", async () => {
  const ofWeth = logs.filter((log) => log.address === weth && isTransfer(log));
  const large = ofWeth.filter((log) => BigInt(log.data) >= 10n ** 16n);
  const filter = {
    chains: ["ethereum"],
    addresses: [weth],
    event: transfer,
    where: { value: { gte: (10n ** 16n).toString() } },
  };
  const result = await dryRun(filter);
  expect([result.evaluated, result.matched]).toEqual([ofWeth.length, large.length]);
  expect(large.length).toBeGreaterThan(0);
  expect(result.examples[0].why).toContain("gte");
});

test("a filter that names a list is run over the user's own list", async () => {
  await user.ask("PATCH", "/v1/address-lists/majors", { add: [weth] });
  const result = await dryRun({ addresses: { list: "majors" } });
  expect(result.matched).toBe(logs.filter((log) => log.address === weth).length);
});

test("another chain or another time has no match, a wrong filter is refused", async () => {
  expect(await dryRun({ chains: ["base"] })).toMatchObject({ evaluated: 0, matched: 0, examples: [] });
  const now = await user.ask("POST", "/v1/filters/dry-run", { filter: {} });
  expect(now.body).toMatchObject({ evaluated: 0, matched: 0 });
  expect(await dryRun({ chains: ["etherum"] })).toMatchObject({ error: { code: "INVALID_FILTER" } });
});

test("each log of a transaction is explained: the clause that matched, or why none did", async () => {
  const one = logs.find((log) => log.address === weth && isTransfer(log))!;
  const siblings = logs.filter((log) => log.transactionHash === one.transactionHash);
  const body = {
    filter: { addresses: [weth], event: transfer },
    chainId: 1,
    transactionHash: one.transactionHash,
  };
  const { verdicts } = (await user.ask("POST", "/v1/filters/explain", body)).body;
  expect(verdicts.map((verdict: Json) => [verdict.logIndex, verdict.matched])).toEqual(
    siblings.map((log) => [log.logIndex, log.address === weth && isTransfer(log)]),
  );
  const strangers = verdicts.filter((verdict: Json) => verdict.address !== weth);
  for (const { reason } of strangers) expect(reason).toContain("is not among the 1 addresses");
  const unknown = { ...body, transactionHash: `0x${"1".repeat(64)}` };
  expect((await user.ask("POST", "/v1/filters/explain", unknown)).status).toBe(404);
});
