import { partitionOf } from "@ethhook/kit";
import type { Delivery } from "@ethhook/schemas";
import { toRecord } from "@ethhook/topology";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startCommand } from "../support/command.ts";
import { deliveryOf } from "../support/delivery-stage.ts";
import { addressOf, hashOf, sampleBlock } from "../support/messages.ts";
import { sortedIds, startReplayStage, type ReplayStage } from "../support/replay-stage.ts";
import { slow } from "../support/test-receiver.ts";
import { until } from "../support/until.ts";

let stage: ReplayStage;
beforeAll(async () => {
  stage = await startReplayStage();
});
afterAll(() => stage?.stop());

const replay = (...args: readonly string[]) => stage.run("replay", ...args);
async function replayed(...args: readonly string[]): Promise<{ id: string; end: string; sent: number }> {
  const { code, stdout, stderr } = await replay("--json", ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as { id: string; end: string; sent: number };
}
const postsOf: ReplayStage["postsOf"] = (path, header) => stage.postsOf(path, header);

/** An endpoint with `count` delivered webhooks. */
async function delivered(path: string, count: number, change: (n: number) => Partial<Delivery> = () => ({})) {
  const endpoint = await stage.endpoint(`${stage.receiver.url}${path}`, { concurrency: 10 });
  const deliveries = Array.from({ length: count }, (_, n) => deliveryOf(endpoint, n, change(n)));
  await stage.produce(deliveries);
  await until(
    "the first time",
    async () => postsOf(path).length,
    (n) => n === count,
  );
  return { endpoint, deliveries };
}

test("what was sent is sent again: same ids, same bytes, a header, and only what was asked for", async () => {
  const asked = await delivered("/asked", 30);
  await delivered("/other", 10);
  const { end, sent } = await replayed("--endpoint", asked.endpoint.id, "--rate", "max");
  expect({ end, sent }).toEqual({ end: "done", sent: 30 });
  const posts = await until(
    "the second time",
    async () => postsOf("/asked", "replay"),
    (found) => found.length === 30,
  );
  expect(sortedIds(posts)).toEqual(sortedIds(asked.deliveries));
  const bodies = new Map(asked.deliveries.map(({ webhookId, body }) => [webhookId, body]));
  expect(posts.every(({ webhookId, body }) => bodies.get(webhookId) === body)).toBe(true);
  expect(postsOf("/other", "replay")).toEqual([]);
});

test("a dry run counts by endpoint exactly what the run then sends, and sends nothing", async () => {
  const first = await delivered("/dry", 25);
  const dry = await replay("--json", "--dry-run", "--endpoint", first.endpoint.id);
  expect(JSON.parse(dry.stdout)).toEqual({ total: 25, endpoints: { [first.endpoint.id]: 25 } });
  expect(postsOf("/dry", "replay")).toEqual([]);
  expect((await replayed("--endpoint", first.endpoint.id, "--rate", "max")).sent).toBe(25);
});

test("contract, chain, blocks, times and offsets narrow it down", async () => {
  const { endpoint } = await delivered("/narrow", 20, (n) => ({
    chainId: n % 2 === 0 ? 8453 : 10,
    blockNumber: 1_000 + n,
    contract: addressOf(n % 4),
  }));
  const count = async (...args: readonly string[]) => {
    const { stdout, stderr } = await replay("--json", "--dry-run", "--endpoint", endpoint.id, ...args);
    expect(stderr).toBe("");
    return (JSON.parse(stdout) as { total: number }).total;
  };
  const { blocks, deliveries } = stage.topology;
  for (let number = 1_000; number < 1_020; number += 2) {
    await stage.write([toRecord(blocks, sampleBlock({ chainId: 8453, number, sequence: number }))]);
  }
  const partition = partitionOf(endpoint.id, deliveries.partitions);
  const admin = stage.kafka.admin();
  const end = (await admin.bounds(deliveries.name)).find((bound) => bound.partition === partition)?.end ?? 0;
  await admin.close();
  // The endpoint's twenty stand last in its partition; `to` is not included.
  const wishes: readonly [count: number, ...args: string[]][] = [
    [10, "--chain", "base"],
    [5, "--contract", addressOf(1).toUpperCase().replace("0X", "0x")],
    [3, "--chain", "base", "--from", "block:1004", "--to", "block:1008"],
    [20, "--from", "-1h"],
    [0, "--to", "-1h"],
    [7, "--partition", String(partition), "--from", `offset:${end - 20}`, "--to", `offset:${end - 13}`],
  ];
  expect(await Promise.all(wishes.map(([, ...args]) => count(...args)))).toEqual(
    wishes.map(([wanted]) => wanted),
  );
});

test("a replay that is killed goes on where it was: nothing is left out, nothing is sent twice", async () => {
  const { endpoint, deliveries } = await delivered("/killed", 120);
  const first = startCommand("replay", ["--endpoint", endpoint.id, "--rate", "40/s"], stage.env);
  await until(
    "a third of it",
    async () => postsOf("/killed", "replay").length,
    (n) => n >= 40,
  );
  const id = /rpl_\w+/.exec(first.output())?.[0] ?? "";
  first.child.kill("SIGKILL");
  await first.done;
  const { code, stdout } = await replay("resume", id);
  expect(code).toBe(0);
  expect(stdout).toContain(`${id} done`);
  const posts = await until(
    "every webhook",
    async () => postsOf("/killed", "replay"),
    (found) => new Set(sortedIds(found)).size === deliveries.length,
  );
  expect(posts).toHaveLength(deliveries.length);
  expect((await replay("resume", id)).stderr).toContain("is done");
});

test("only one process runs a replay, another one may cancel it", async () => {
  const { endpoint } = await delivered("/cancelled", 100);
  const running = startCommand("replay", ["--endpoint", endpoint.id, "--rate", "2/s"], stage.env);
  await until(
    "the beginning",
    async () => postsOf("/cancelled", "replay").length,
    (n) => n >= 3,
  );
  const id = /rpl_\w+/.exec(running.output())?.[0] ?? "";
  const second = await replay("resume", id);
  expect([second.code, second.stderr]).toEqual([1, expect.stringContaining("run by another process")]);
  expect((await replay("cancel", id)).stdout).toContain("is cancelled");
  expect((await running.done).code).toBe(3);
  expect(postsOf("/cancelled", "replay").length).toBeLessThan(100);
  expect((await replay("list")).stdout).toMatch(new RegExp(`${id} +cancelled`));
});

test("Ctrl-C stops it with the way to go on", async () => {
  const { endpoint } = await delivered("/stopped", 60);
  const running = startCommand("replay", ["--endpoint", endpoint.id, "--rate", "10/s"], stage.env);
  await until(
    "the beginning",
    async () => postsOf("/stopped", "replay").length,
    (n) => n >= 3,
  );
  running.child.kill("SIGINT");
  const { code, stderr } = await running.done;
  expect(code).toBe(130);
  expect(stderr).toMatch(/go on with: npm run replay -- resume rpl_/);
});

test("live webhooks go first: a large replay of the same endpoint does not make them wait", async () => {
  const { endpoint } = await delivered("/busy", 400);
  stage.receiver.answer("/busy", slow(20));
  await replayed("--endpoint", endpoint.id, "--rate", "max");
  await until(
    "the replay to begin",
    async () => postsOf("/busy", "replay").length,
    (n) => n >= 10,
  );
  const live = [1_000, 1_001, 1_002].map((n) => deliveryOf(endpoint, n));
  await stage.produce(live);
  const wanted = new Set(sortedIds(live));
  await until(
    "the live ones",
    async () => postsOf("/busy").filter((post) => wanted.has(post.webhookId)),
    (found) => found.length === 3,
  );
  expect(postsOf("/busy", "replay").length).toBeLessThan(400);
  await until(
    "the replay's end",
    async () => new Set(sortedIds(postsOf("/busy", "replay"))).size,
    (n) => n === 400,
  );
});

test("a wish that cannot be is a sentence with every problem", async () => {
  const { code, stderr } = await replay(
    "--topic",
    "deliveries.replay",
    "--chain",
    "solana",
    "--from",
    "yesterday",
    "--rate",
    "fast",
  );
  expect(code).toBe(1);
  for (const part of [
    "never read",
    "--chain solana: known are",
    "“yesterday” is no position",
    "--rate fast",
  ]) {
    expect(stderr).toContain(part);
  }
  expect(stderr).not.toContain("    at ");
  const [offset, block] = await Promise.all([replay("--from", "offset:3"), replay("--from", "block:3")]);
  expect([offset.stderr, block.stderr]).toEqual([
    expect.stringContaining("--partition"),
    expect.stringContaining("--chain"),
  ]);
});

test("a group that is reset, as Console and rpk do it, delivers again with the same ids what was in no batch", async () => {
  const { deliveries: topic } = stage.topology;
  const admin = stage.kafka.admin();
  // Back to this moment, as `--to-datetime` does it.
  const ends = await admin.bounds(topic.name);
  const toNow = ends.map(({ partition, end }) => ({ partition, offset: end }));
  const batched = await stage.endpoint(`${stage.receiver.url}/batched`, { batch: "block" });
  const blockOf = (number: number) =>
    [0, 1, 2].map((n) =>
      deliveryOf(batched, number * 10 + n, {
        blockNumber: number,
        blockHash: hashOf(number),
        sequence: number,
        addedSequence: number,
      }),
    );
  await stage.produce(blockOf(1));
  const { deliveries } = await delivered("/reset", 20);
  await until(
    "the batch",
    () => postsOf("/batched").length,
    (n) => n === 1,
  );

  // While the group has members, the broker refuses: so do Console and rpk.
  await expect(admin.setOffsets("delivery", topic.name, toNow)).rejects.toThrow(
    "has members: stop them first",
  );
  expect(await stage.process.stop()).toBe(0);
  await admin.setOffsets("delivery", topic.name, toNow);
  await admin.close();

  await stage.deliveryProcess();
  const posts = await until(
    "the second time",
    () => postsOf("/reset"),
    (found) => found.length === 40,
  );
  // Nobody asked for a replay: to delivery these are live webhooks.
  expect(sortedIds(posts.slice(20))).toEqual(sortedIds(deliveries));
  // What went out in a batch does not go out again: only the block after it does.
  await stage.produce(blockOf(2));
  const blocks = await until(
    "the next block",
    () => postsOf("/batched"),
    (found) => found.length > 1,
  );
  expect(blocks.map(({ body }) => JSON.parse(body).data.blockNumber)).toEqual([1, 2]);
});
