import { describe, expect, test } from "vitest";
import { bloomTextOf, honestNode, makeBranch } from "../../testing/chain.ts";
import { readRecorded } from "../../testing/fixtures.ts";
import { createFakeClock } from "../../testing/fake-clock.ts";
import type { VerifiedBlock } from "../model.ts";
import { type CheckMode, checksOf } from "../proof/checks.ts";
import { createBlockReader } from "./block-reader.ts";
import { createBlockSource } from "./block-source.ts";
import type { ProviderPool } from "./provider-pool.ts";
import { RpcError } from "./rpc-error.ts";
import { parseLog } from "./rpc-parse.ts";

type Answer = (method: string, params: readonly unknown[]) => unknown;

/** A source over nodes that are asked in the order given, those to avoid last. */
function sourceOver(
  nodes: Readonly<Record<string, Answer>>,
  proof: "bloom" | "receipts" = "bloom",
  chainId = 5,
  headerHash: CheckMode = "off",
  bloom: CheckMode = checksOf(chainId).modes.bloom,
) {
  const calls: string[] = [];
  const checks: string[] = [];
  const pool: ProviderPool = {
    async ask(use, { avoid } = {}) {
      let last: unknown;
      const rank = (name: string) => (avoid?.has(name) ? 1 : 0);
      for (const name of Object.keys(nodes).toSorted((a, b) => rank(a) - rank(b))) {
        try {
          return await use(async (method, params) => {
            calls.push(`${name} ${method} ${JSON.stringify(params[0])}`);
            return nodes[name]?.(method, params);
          }, name);
        } catch (error) {
          last = error;
        }
      }
      throw last;
    },
  };
  const reader = createBlockReader({
    checks: checksOf(chainId, { "header-hash": headerHash, bloom }),
    proof,
    onCheck: (provider, check, outcome) => checks.push(`${provider} ${check} ${outcome}`),
  });
  return {
    source: createBlockSource({ pool, reader, clock: createFakeClock(), fetchAhead: 4 }),
    calls,
    checks,
  };
}

async function collect(blocks: AsyncIterable<VerifiedBlock>): Promise<VerifiedBlock[]> {
  const all: VerifiedBlock[] = [];
  for await (const block of blocks) all.push(block);
  return all;
}

const chain = makeBranch(1, 40);
const refOf = (at: number) => ({ number: at, hash: String(chain[at - 1]?.block.hash) });
const honest = honestNode(chain);
const verifiedLogs = (at: number) =>
  (chain[at - 1]?.logs ?? []).map((raw) => {
    const parsed = parseLog(raw);
    if (!parsed.ok) throw new Error(parsed.reason);
    return parsed.value.log;
  });
/** Leaves out the last log of every answer, or all of them. */
const drops =
  (keep: (logs: readonly unknown[]) => readonly unknown[]): Answer =>
  (method, params) => {
    const answer = honest(method, params);
    return method === "eth_getLogs" ? keep(answer as unknown[]) : answer;
  };

describe("one block", () => {
  test("is read by its hash with its logs, in one round trip", async () => {
    const { source, calls } = sourceOver({ a: honest });
    const block = await source.block(refOf(3), {});
    expect(block).toMatchObject({ header: refOf(3), proof: "bloom" });
    expect(block.logs).toHaveLength(2);
    expect(calls).toHaveLength(2);
  });

  test("without logs by its bloom costs no request for logs", async () => {
    const empty = makeBranch(1, 1, "e", 0);
    const { source, calls } = sourceOver({ a: honestNode(empty) });
    const bloomHint = String(empty[0]?.block["logsBloom"]);
    const block = await source.block({ number: 1, hash: String(empty[0]?.block.hash) }, { bloomHint });
    expect(block.logs).toEqual([]);
    expect(calls).toHaveLength(1);
  });

  test("whose logs come as a long list before the header is read all the same, and proven", async () => {
    let isRead = false;
    const { promise: headerMayCome, resolve } = Promise.withResolvers<void>();
    const node: Answer = (method, params) => {
      const answer = honest(method, params);
      if (method !== "eth_getLogs") return headerMayCome.then(() => answer);
      return (async function* () {
        for (const log of answer as unknown[]) yield [log];
        isRead = true;
        resolve();
      })();
    };
    const block = await sourceOver({ a: node }).source.block(refOf(3), {});
    expect(isRead).toBe(true);
    expect(block.logs.map(({ topics, data, logIndex }) => ({ topics, data, logIndex }))).toEqual(
      verifiedLogs(3).map(({ topics, data, logIndex }) => ({ topics, data, logIndex })),
    );
  });

  test("whose logs were dropped is read from the receipts of the same provider", async () => {
    const { source, checks } = sourceOver({ a: drops((logs) => logs.slice(0, -1)) });
    const block = await source.block(refOf(3), {});
    expect(block.logs).toHaveLength(2);
    expect(checks).toEqual(["a bloom failed", "a bloom passed", "a receipts-root observed"]);
  });

  test("that a provider cannot prove is read from another, which is asked first from then on", async () => {
    const liar: Answer = (method, params) =>
      method === "eth_getBlockReceipts" ? [null] : drops(() => [])(method, params);
    const { source, calls } = sourceOver({ liar, honest });
    expect((await source.block(refOf(3), {})).logs).toHaveLength(2);
    expect(calls.at(-1)).toContain("honest");
  });

  test("that no provider can prove is refused, and nothing of it comes out", async () => {
    const liar: Answer = (method, params) =>
      method === "eth_getBlockReceipts" ? null : drops((logs) => logs.slice(1))(method, params);
    const { source } = sourceOver({ a: liar, b: liar });
    await expect(source.block(refOf(3), {})).rejects.toMatchObject({ code: "BLOCK_UNVERIFIED" });
  });

  test("of the wrong hash is refused", async () => {
    const confused: Answer = (method, params) =>
      honest(method, method === "eth_getBlockByHash" ? [refOf(9).hash] : params);
    await expect(sourceOver({ a: confused }).source.block(refOf(3), {})).rejects.toThrow("belongs");
    await expect(sourceOver({ a: confused }).source.headerByHash(refOf(3).hash)).rejects.toThrow("asked for");
  });

  test("of a chain where blooms are only observed may have logs beyond its bloom, and is then proven by nothing", async () => {
    const more = chain[2]?.logs.slice(0, 1) ?? [];
    const header = { ...chain[2]?.block, logsBloom: bloomTextOf(more) };
    const node: Answer = (method, params) =>
      method === "eth_getBlockByHash" ? header : honest(method, params);
    const { source, checks } = sourceOver({ a: node }, "bloom", 137);
    expect(await source.block(refOf(3), {})).toMatchObject({ proof: "none", logs: verifiedLogs(3) });
    expect(checks).toEqual(["a bloom observed"]);
  });

  test.each([
    ["some of", (logs: readonly unknown[]) => logs.slice(0, -1)],
    ["all of", () => []],
  ])("of such a chain is refused without %s the logs that its bloom has", async (_, keep) => {
    const dropping = drops(keep);
    const liar: Answer = (method, params) =>
      method === "eth_getBlockReceipts" ? null : dropping(method, params);
    await expect(sourceOver({ liar }, "bloom", 137).source.block(refOf(3), {})).rejects.toMatchObject({
      code: "BLOCK_UNVERIFIED",
    });
    const { source } = sourceOver({ liar, honest }, "bloom", 137);
    expect(await source.block(refOf(3), {})).toMatchObject({ proof: "bloom", logs: verifiedLogs(3) });
  });
});

describe("a header that is held to its hash", () => {
  const { block } = readRecorded("ethereum-18000000");
  const serves = (header: unknown) => () => header;
  const lying = serves({ ...block, logsBloom: `0x${"00".repeat(256)}` });
  const sourceOf = (nodes: Readonly<Record<string, Answer>>) =>
    sourceOver(nodes, "bloom", 1, "enforce").source;

  test("is believed of a poll, of a walk and of the finalized block when it is whole", async () => {
    const source = sourceOf({ a: serves(block) });
    expect(await source.latest()).toMatchObject({ hash: block.hash, from: "a" });
    expect(await source.headerByHash(block.hash)).toMatchObject({ hash: block.hash });
    expect(await source.finalized()).toEqual({ number: 18_000_000, hash: block.hash });
  });

  test("is asked of another provider when its bloom was emptied: it would hide every log", async () => {
    const source = sourceOf({ a: lying, b: serves(block) });
    expect(await source.latest()).toMatchObject({ hash: block.hash, from: "b" });
    expect(await source.headerByHash(block.hash)).toMatchObject({ logsBloom: block["logsBloom"] });
    const alone = sourceOf({ a: lying });
    for (const asked of [alone.latest(), alone.headerByHash(block.hash), alone.finalized()])
      await expect(asked).rejects.toMatchObject({ code: "BLOCK_UNVERIFIED" });
  });

  test.each([1, 10, 8453, 42161, 5])("is the default of chain %i", (chainId) => {
    expect(checksOf(chainId).modes["header-hash"]).toBe("proven");
  });
});

describe("a range", () => {
  const numbersOf = (blocks: readonly VerifiedBlock[]) => blocks.map(({ header }) => header.number);
  const all = chain.map((_, index) => index + 1);

  test("comes whole and in order, with far fewer requests for logs than blocks", async () => {
    const { source, calls } = sourceOver({ a: honest });
    const blocks = await collect(source.range(1, 40));
    expect(numbersOf(blocks)).toEqual(all);
    expect(blocks.every(({ logs }) => logs.length === 2)).toBe(true);
    expect(calls.filter((call) => call.includes("eth_getLogs")).length).toBeLessThan(10);
  });

  test.each([1, 2, 3, 7])(
    "is cut in half as often as a node refuses more than %i blocks, whatever it says",
    async (max) => {
      const strict: Answer = (method, params) => {
        const { fromBlock, toBlock } = (params[0] ?? {}) as { fromBlock?: string; toBlock?: string };
        if (fromBlock !== undefined && Number(toBlock) - Number(fromBlock) >= max)
          throw new RpcError("refused", "computer says no");
        return honest(method, params);
      };
      const { source } = sourceOver({ a: strict });
      expect(numbersOf(await collect(source.range(1, 40)))).toEqual(all);
    },
  );

  test("that silently returns less is read block by block", async () => {
    const forgetful: Answer = (method, params) => {
      const answer = honest(method, params);
      const isRange = method === "eth_getLogs" && "fromBlock" in (params[0] as object);
      return isRange ? (answer as unknown[]).slice(0, 5) : answer;
    };
    const blocks = await collect(sourceOver({ a: forgetful }).source.range(1, 40));
    expect(blocks.map(({ logs }) => logs.length)).toEqual(all.map(() => 2));
  });

  test("of which a half is to be had nowhere is not blamed on whoever gave the other half", async () => {
    const node: Answer = (method, params) => {
      const { fromBlock, toBlock } = (params[0] ?? {}) as { fromBlock?: string; toBlock?: string };
      const isRange = method === "eth_getLogs" && fromBlock !== undefined;
      if (isRange && Number(toBlock) - Number(fromBlock) > 1)
        throw new RpcError("range-too-large", "too wide");
      if (isRange && Number(fromBlock) > 2) throw new RpcError("network", "gone");
      return honest(method, params);
    };
    const { source, checks } = sourceOver({ a: node });
    const blocks = await collect(source.range(1, 4));
    expect(blocks.map(({ logs }) => logs)).toEqual([1, 2, 3, 4].map(verifiedLogs));
    expect(checks).toEqual(Array.from({ length: 4 }, () => "a bloom passed"));
  });

  test.each([
    ["observe", 137],
    ["off", 5],
  ] as const)(
    "whose bloom checks are set to %s is not believed where it leaves out a whole block",
    async (bloom, chainId) => {
      const forgetful: Answer = (method, params) => {
        const answer = honest(method, params);
        const isRange = method === "eth_getLogs" && "fromBlock" in (params[0] as object);
        return isRange
          ? (answer as { blockNumber: string }[]).filter((log) => Number(log.blockNumber) % 3 !== 0)
          : answer;
      };
      const { source } = sourceOver({ a: forgetful }, "bloom", chainId, "off", bloom);
      const blocks = await collect(source.range(1, 40));
      expect(blocks.map(({ logs }) => logs)).toEqual(all.map(verifiedLogs));
    },
  );

  test("is read from receipts when those are the proof asked for", async () => {
    const { source, calls } = sourceOver({ a: honest }, "receipts");
    expect(numbersOf(await collect(source.range(1, 10)))).toEqual(all.slice(0, 10));
    expect(calls.filter((call) => call.includes("eth_getBlockReceipts"))).toHaveLength(10);
  });
});
