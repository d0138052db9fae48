import { describe, expect, test } from "vitest";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { readRecorded } from "../../testing/fixtures.ts";
import type { VerifiedBlock } from "../model.ts";
import type { BlockSource } from "../ports.ts";
import { checksOf } from "../proof/checks.ts";
import { createBlockReader } from "./block-reader.ts";
import { createBlockSource } from "./block-source.ts";
import type { ProviderPool } from "./provider-pool.ts";
import { RpcError } from "./rpc-error.ts";

type Answer = (method: string, params: readonly unknown[]) => unknown;
type Change = (block: Readonly<Record<string, unknown>>) => unknown;

const { block, receipts, logs } = readRecorded("ethereum-18000000");
const ref = { number: 18_000_000, hash: block.hash };

const serves =
  (change: Change, ownLogs: readonly unknown[] = logs): Answer =>
  (method) => {
    if (method === "eth_getLogs") return ownLogs;
    return method === "eth_getBlockReceipts" ? receipts : change(block);
  };
const honest = serves((own) => own);
/** As after a fork whose field nobody here knows: it hashes to something else, whoever serves it. */
const forked: Change = (own) => ({ ...own, gasUsed: "0x1", fieldOfAFork: "0x1" });
const afterFork = serves(forked);
/** One key more than usual, and no logs at all. */
const forging = serves((own) => ({ ...own, logsBloom: `0x${"00".repeat(256)}`, anything: "0x1" }), []);
const silent: Answer = () => {
  throw new RpcError("unknown-block", "not here");
};

function setUp(nodes: Readonly<Record<string, Answer>>, proof: "bloom" | "receipts" = "bloom") {
  const asked: string[] = [];
  const checks: string[] = [];
  const pool: ProviderPool = {
    async ask(use) {
      let last: unknown;
      for (const [name, answer] of Object.entries(nodes)) {
        try {
          return await use(async (method, params) => {
            asked.push(`${name} ${method}`);
            return answer(method, params);
          }, name);
        } catch (error) {
          last = error;
        }
      }
      throw last;
    },
  };
  const clock = createFakeClock();
  const reader = createBlockReader({
    checks: checksOf(1),
    proof,
    onCheck: (provider, check, outcome) => {
      if (check === "header-hash") checks.push(`${provider} ${outcome}`);
    },
  });
  return { source: createBlockSource({ pool, reader, clock, fetchAhead: 4 }), asked, checks, clock };
}

async function firstOf(source: BlockSource): Promise<VerifiedBlock | undefined> {
  for await (const first of source.range(ref.number, ref.number)) return first;
  return undefined;
}

describe("a header that does not hash to its hash", () => {
  test("is a lie where another provider's does: its forged block is not published, whatever keys it has", async () => {
    const { source, checks } = setUp({ forging, honest });
    const read = await source.block(ref, {});
    expect(read.proof).toBe("bloom");
    expect(read.logs).toHaveLength(291);
    expect(await source.headerByHash(ref.hash)).toMatchObject({ logsBloom: block["logsBloom"] });
    const ranged = await firstOf(source);
    expect(ranged?.logs).toHaveLength(291);
    expect(new Set(checks)).toEqual(new Set(["forging failed", "honest passed"]));
  });

  test("of a fork is taken when every provider sends it alike, and its block is proven by nothing", async () => {
    const { source, checks } = setUp({ a: afterFork, b: afterFork });
    const read = await source.block(ref, {});
    expect(read).toMatchObject({ header: { hash: ref.hash, isDoubted: true }, proof: "none" });
    expect(read.logs).toHaveLength(291);
    expect(checks).toEqual(["a failed", "b failed", "a failed", "b failed", "a admitted"]);
    const ranged = await firstOf(source);
    expect(ranged).toMatchObject({ proof: "none" });
  });

  test("does not make receipts prove what it says either", async () => {
    const { source } = setUp({ a: afterFork }, "receipts");
    expect(await source.block(ref, {})).toMatchObject({ proof: "none" });
  });

  test("is refused while providers differ: one of them lies about a fork's block", async () => {
    const { source, clock } = setUp({ forging, afterFork });
    for (let n = 0; n < 3; n++) {
      await expect(source.block(ref, {})).rejects.toMatchObject({ code: "BLOCK_UNVERIFIED" });
      clock.advance(60_000);
    }
  });

  test("waits for a provider that has no answer yet, but not for ever", async () => {
    const { source, clock } = setUp({ afterFork, silent });
    await expect(source.block(ref, {})).rejects.toBeInstanceOf(RpcError);
    clock.advance(9_000);
    await expect(source.block(ref, {})).rejects.toBeInstanceOf(RpcError);
    clock.advance(1_000);
    expect(await source.block(ref, {})).toMatchObject({ proof: "none" });
  });

  test("of the only provider never passes for proven, and its empty bloom is not believed without asking for logs", async () => {
    const { source, asked, checks } = setUp({ forging });
    expect(await source.block(ref, {})).toMatchObject({ proof: "none" });
    expect(asked).toContain("forging eth_getLogs");
    expect(checks).toContain("forging admitted");
  });

  test("wakes up as a head, but nothing is published by it", async () => {
    const { source } = setUp({ afterFork, honest });
    expect(await source.latest()).toMatchObject({ hash: ref.hash, header: null });
  });
});
