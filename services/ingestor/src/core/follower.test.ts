import { describe, expect, test } from "vitest";
import { hashOf, type MadeBlock, makeBlock, makeBranch } from "../testing/chain.ts";
import { createMemoryLedger, inShort, type MemoryLedger } from "../testing/memory-ledger.ts";
import { createFollower, type FollowerDeps } from "./follower.ts";
import type { BlockRef, HeadNotice, VerifiedBlock } from "./model.ts";
import type { BlockSource } from "./ports.ts";
import { verifyLogs } from "./proof/verify.ts";
import { RpcError } from "./rpc/rpc-error.ts";
import { parseHeader } from "./rpc/rpc-parse.ts";

const names = new Map<string, string>();
for (const branch of "abc") for (let n = 0; n < 400; n++) names.set(hashOf(`${branch}${n}`), `${branch}${n}`);
const short = (ledger: MemoryLedger) => inShort(ledger.records, (hash) => names.get(hash) ?? "?");

function verified({ block, logs }: MadeBlock): VerifiedBlock {
  const header = parseHeader(block);
  if (!header.ok) throw new Error(header.reason);
  const verdict = verifyLogs(header.value, logs);
  if (!verdict.ok) throw new Error(verdict.reason);
  return { header: header.value, logs: verdict.logs, proof: "bloom" };
}

/** A chain whose canonical branch a test can change, and a follower on it. */
function setUp(blocks: MadeBlock[], options: Partial<FollowerDeps> = {}) {
  const known = new Map(blocks.map((made) => [made.block.hash, verified(made)]));
  const canonical = new Map(blocks.map((made) => [Number(made.block["number"]), made.block.hash]));
  const ledger = createMemoryLedger();
  const events: string[] = [];
  const bodiless = new Set<string>();
  let final: BlockRef | null = null;
  const get = (hash: string | undefined): VerifiedBlock => {
    const found = known.get(hash ?? "");
    if (!found) throw new RpcError("unknown-block", `no block ${hash}`);
    return found;
  };
  const source: BlockSource = {
    latest: () => Promise.reject(new Error("not asked for")),
    headerByHash: async (hash) => get(hash).header,
    block: async ({ hash }) => {
      if (bodiless.has(hash)) throw new RpcError("unknown-block", `no logs of ${hash}`);
      return get(hash);
    },
    async *range(from, to) {
      for (let number = from; number <= to; number++) yield get(canonical.get(number));
    },
    finalized: async () => final,
  };
  const deps: FollowerDeps = {
    chain: { id: 5, finality: { kind: "tag" } },
    source,
    ledger,
    now: () => 7,
    startBlock: null,
    observer: {
      appended: () => {},
      reorged: ({ ancestor, depth, belowFinalized }) =>
        events.push(`reorg to ${ancestor}, ${depth} blocks${belowFinalized ? ", final ones" : ""}`),
      bodiesLost: (block) => events.push(`lost ${names.get(block.hash)}`),
      finalityConflict: () => events.push("conflict"),
      progressed: () => {},
    },
    ...options,
  };
  const headOf = (name: string): HeadNotice => {
    const { header } = get(hashOf(name));
    return { ...header, header, from: "node", seenAtMs: 7 };
  };
  let follower = createFollower(deps, []);
  return {
    ledger,
    events,
    learn(made: readonly MadeBlock[]) {
      for (const one of made) {
        known.set(one.block.hash, verified(one));
        canonical.set(Number(one.block["number"]), one.block.hash);
      }
    },
    hideLogs: (name: string) => bodiless.add(hashOf(name)),
    showLogs: (name: string) => bodiless.delete(hashOf(name)),
    forget: (name: string) => known.delete(hashOf(name)),
    follow: async (...heads: string[]) => {
      for (const name of heads) await follower.advance(headOf(name));
    },
    finalize: (name: string) => {
      final = { number: get(hashOf(name)).header.number, hash: hashOf(name) };
      return follower.settleFinality();
    },
    restart() {
      follower = createFollower(deps, ledger.records);
    },
    window: () => follower.window,
  };
}

/** Branch `b` from `from` on, standing on block `from - 1` of branch `a`. */
const branchB = (from: number, to: number) => [
  makeBlock(from, "b", 1, "a"),
  ...makeBranch(from + 1, to, "b", 1),
];

describe("following heads", () => {
  test("a new ledger begins with the newest block; each next head is one transaction", async () => {
    const { follow, ledger } = setUp(makeBranch(1, 6));
    await follow("a4", "a5", "a6");
    expect(short(ledger)).toBe("+a4 +a5 +a6");
    expect(ledger.transactions).toHaveLength(3);
    expect(ledger.records.map(({ sequence, logCount }) => [sequence, logCount])).toEqual([
      [1, 2],
      [2, 2],
      [3, 2],
    ]);
  });

  test("skipped heads are filled in, repeated and older ones do nothing", async () => {
    const { follow, ledger } = setUp(makeBranch(1, 9));
    await follow("a4", "a8", "a8", "a6", "a9", "a4");
    expect(short(ledger)).toBe("+a4 +a5 +a6 +a7 +a8 +a9");
  });

  test("START_BLOCK is where a new ledger begins, and a restart goes on from its tail", async () => {
    const { follow, ledger, restart } = setUp(makeBranch(1, 300), { startBlock: 2 });
    await follow("a200");
    restart();
    await follow("a201", "a300");
    const all = Array.from({ length: 299 }, (_, index) => `+a${index + 2}`);
    expect(short(ledger)).toBe(all.join(" "));
    // Catching up gathers blocks in a transaction; one a block would be 199.
    expect(ledger.transactions.length).toBeLessThan(10);
  });

  test("a head before START_BLOCK is waited out", async () => {
    const { follow, ledger } = setUp(makeBranch(1, 9), { startBlock: 5 });
    await follow("a3", "a4", "a6");
    expect(short(ledger)).toBe("+a5 +a6");
  });
});

describe("a reorg", () => {
  test("takes back what was published, newest first, then adds the new branch", async () => {
    const { follow, learn, ledger, events } = setUp(makeBranch(1, 6));
    await follow("a4", "a5", "a6");
    learn(branchB(5, 7));
    await follow("b7");
    expect(short(ledger)).toBe("+a4 +a5 +a6 -a6 -a5 +b5 +b6 +b7");
    expect(events).toEqual(["reorg to 4, 2 blocks"]);
    const removed = ledger.transactions.flat().filter(({ record }) => record.kind === "removed");
    expect(
      removed.map(({ record, logs }) => [record.addedSequence, logs.map((log) => log.logIndex)]),
    ).toEqual([
      [3, [1, 0]],
      [2, [1, 0]],
    ]);
  });

  test("needs nothing of the removed blocks from the node", async () => {
    const { follow, learn, forget, ledger } = setUp(makeBranch(1, 6));
    await follow("a4", "a5", "a6");
    learn(branchB(5, 6));
    forget("a5");
    forget("a6");
    await follow("b6");
    expect(short(ledger)).toBe("+a4 +a5 +a6 -a6 -a5 +b5 +b6");
  });

  test("and back again: a block that returns is added anew, with a sequence of its own", async () => {
    const { follow, learn, ledger } = setUp(makeBranch(1, 7));
    await follow("a4", "a5");
    learn(branchB(5, 6));
    await follow("b6");
    await follow("a7");
    expect(short(ledger)).toBe("+a4 +a5 -a5 +b5 +b6 -b6 -b5 +a5 +a6 +a7");
    const sequences = ledger.records.filter(({ hash }) => hash === hashOf("a5")).map((one) => one.sequence);
    expect(sequences).toEqual([2, 3, 8]);
  });

  test("after a restart is found out by the ledger's tail", async () => {
    const { follow, learn, restart, ledger } = setUp(makeBranch(1, 6));
    await follow("a4", "a5", "a6");
    learn(branchB(6, 7));
    restart();
    await follow("b7");
    expect(short(ledger)).toBe("+a4 +a5 +a6 -a6 +b6 +b7");
  });

  test("far behind the head is found out while catching up", async () => {
    const { follow, learn, ledger } = setUp(makeBranch(1, 6));
    await follow("a4", "a5", "a6");
    learn(branchB(6, 100));
    await follow("b100");
    expect(short(ledger).slice(0, 30)).toBe("+a4 +a5 +a6 -a6 +b6 +b7 +b8 +b");
    expect(ledger.records.at(-1)?.number).toBe(100);
  });

  test("below the finalized block is reported and done, not refused", async () => {
    const { follow, finalize, learn, ledger, events, window } = setUp(makeBranch(1, 9));
    await follow("a2", "a7");
    await finalize("a6");
    expect(window().size).toBe(2);
    learn(branchB(4, 9));
    await follow("b9");
    expect(short(ledger)).toBe("+a2 +a3 +a4 +a5 +a6 +a7 !a6 -a7 -a6 -a5 -a4 +b4 +b5 +b6 +b7 +b8 +b9");
    expect(events).toEqual(["reorg to 3, 4 blocks, final ones"]);
  });

  test("to the block just below the finalized one takes back no more than that", async () => {
    const { follow, finalize, learn, ledger, events } = setUp(makeBranch(1, 9));
    await follow("a2", "a7");
    await finalize("a6");
    learn(branchB(6, 8));
    await follow("b8");
    expect(short(ledger)).toBe("+a2 +a3 +a4 +a5 +a6 +a7 !a6 -a7 -a6 +b6 +b7 +b8");
    expect(events).toEqual(["reorg to 5, 2 blocks, final ones"]);
  });

  test("in the middle of catching up takes back the logs of blocks that are not written yet", async () => {
    const { follow, learn, ledger, events } = setUp(makeBranch(1, 4));
    await follow("a2");
    learn(branchB(4, 100));
    // The node gives a4 when it is asked for the range, and knows better a moment later.
    learn(makeBranch(4, 4));
    await follow("b100");
    expect(short(ledger).slice(0, 27)).toBe("+a2 +a3 +a4 -a4 +b4 +b5 +b6");
    expect(events).toEqual(["reorg to 3, 1 blocks"]);
    expect(ledger.records[3]).toMatchObject({ kind: "removed", logCount: 2 });
  });

  test("of everything there is replaces the whole ledger, from its first block on", async () => {
    const { follow, learn, ledger } = setUp(makeBranch(3, 4));
    await follow("a3", "a4");
    learn(makeBranch(1, 5, "c", 1));
    await follow("c5");
    expect(short(ledger)).toBe("+a3 +a4 -a4 -a3 +c3 +c4 +c5");
  });

  test.each([["the same process"], ["the next one"]])(
    "of everything whose other branch cannot be read leaves no hole when %s goes on",
    async (who) => {
      const { follow, learn, hideLogs, showLogs, restart, ledger } = setUp(makeBranch(3, 4));
      await follow("a3", "a4");
      learn(makeBranch(1, 7, "c", 1));
      hideLogs("c3");
      await expect(follow("c5")).rejects.toMatchObject({ code: "RPC_UNKNOWN_BLOCK" });
      expect(short(ledger)).toBe("+a3 +a4 -a4 -a3");
      showLogs("c3");
      if (who === "the next one") restart();
      await follow("c7");
      expect(short(ledger)).toBe("+a3 +a4 -a4 -a3 +c3 +c4 +c5 +c6 +c7");
    },
  );

  test("whose logs the topic no longer holds is still done, and reported", async () => {
    const { follow, learn, ledger, events } = setUp(makeBranch(1, 6));
    await follow("a5", "a6");
    ledger.lost.add(2);
    learn(branchB(6, 7));
    await follow("b7");
    expect(short(ledger)).toBe("+a5 +a6 -a6 +b6 +b7");
    expect(events).toEqual(["reorg to 5, 1 blocks", "lost a6"]);
    expect(ledger.records[2]).toMatchObject({ kind: "removed", logCount: 0 });
  });
});

describe("finality", () => {
  test("is recorded when the node's tag moves on, once, and only for a block of ours", async () => {
    const { follow, finalize, learn, ledger, events } = setUp(makeBranch(1, 9));
    await follow("a3", "a7");
    await finalize("a5");
    await finalize("a5");
    await finalize("a4");
    learn(branchB(6, 9));
    await finalize("b6");
    await finalize("a9");
    expect(short(ledger)).toBe("+a3 +a4 +a5 +a6 +a7 !a5");
    expect(events).toEqual(["conflict"]);
  });

  test("comes from a depth where a chain has no tag, in the block's own transaction", async () => {
    const { follow, ledger } = setUp(makeBranch(1, 9), {
      chain: { id: 5, finality: { kind: "depth", depth: 2 } },
    });
    await follow("a4", "a5", "a6", "a7");
    expect(short(ledger)).toBe("+a4 +a5 +a6 !a4 +a7 !a5");
    expect(ledger.transactions).toHaveLength(4);
  });
});

describe("failures", () => {
  test("of the source keep what was fetched before, and the same head can be tried again", async () => {
    const { follow, forget, learn, ledger } = setUp(makeBranch(1, 9));
    await follow("a2");
    forget("a5");
    await expect(follow("a7")).rejects.toMatchObject({ code: "RPC_UNKNOWN_BLOCK" });
    learn(makeBranch(5, 5));
    await follow("a7");
    expect(short(ledger)).toBe("+a2 +a3 +a4 +a5 +a6 +a7");
  });

  test("of the ledger are passed on: only the tail says what was written", async () => {
    const { follow, ledger, restart } = setUp(makeBranch(1, 9));
    await follow("a2");
    ledger.beforeAppend = () => {
      throw new Error("unknown outcome");
    };
    await expect(follow("a3")).rejects.toThrow("unknown outcome");
    ledger.beforeAppend = () => {};
    restart();
    await follow("a4");
    expect(short(ledger)).toBe("+a2 +a3 +a4");
  });
});
