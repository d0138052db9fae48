import type { Block } from "@ethhook/schemas";
import type { Chain } from "@ethhook/topology";
import { inOrderAhead } from "./in-order-ahead.ts";
import { createLedgerWriter, transactionLimits, type LedgerWriter } from "./ledger-writer.ts";
import type { BlockRef, HeadNotice, Header } from "./model.ts";
import type { BlockSource, FollowerObserver, KnownOfBlock, Ledger } from "./ports.ts";
import { createWindow, type Window } from "./window.ts";

/** A head further ahead of the tip than this is reached by number, in ranges; a nearer one by walking its parents. */
export const walkBlocksMax = 16;
/** Blocks of a walked path that are fetched at a time. */
const fetchAheadMax = 4;
/** Ledger records read to find the ancestor of a reorg below the window; doubled until it is found. */
const deepTailRecords = 4_096;

export interface FollowerDeps {
  readonly chain: Pick<Chain, "id" | "finality">;
  readonly source: BlockSource;
  readonly ledger: Ledger;
  readonly observer: FollowerObserver;
  readonly now: () => number;
  /** First block of a new ledger; null begins with the newest one. Of no meaning once the ledger has a record. */
  readonly startBlock: number | null;
}

/** Keeps the ledger equal to the chain. One caller at a time: it owns the state. */
export interface Follower {
  /** Makes `head` the tip, by whatever adding and removing it takes. A head that is already published does nothing. */
  advance(head: HeadNotice): Promise<void>;
  /** Records how far the chain is final, if that is further than before. */
  settleFinality(): Promise<void>;
  readonly window: Pick<Window, "tip" | "finalized" | "size">;
}

/**
 * @param tail what `ledger.open` returned.
 * A rejection of the ledger leaves the state unknown: throw the follower away and open again. A rejection of the
 * source (`RpcError`) leaves it intact: `advance` may be called again.
 */
export function createFollower(deps: FollowerDeps, tail: readonly Block[]): Follower {
  const { source, ledger, observer } = deps;
  let window = createWindow(tail);
  window.trim();
  /** Of the next block, while the ledger has none; null: the newest one. */
  let firstNumber = window.tip ? null : (lowestRemoved(tail) ?? deps.startBlock);
  let writer = writerOn(window, (tail.at(-1)?.sequence ?? 0) + 1);

  function writerOn(target: Window, nextSequence: number): LedgerWriter {
    return createLedgerWriter({
      chainId: deps.chain.id,
      ledger,
      window: target,
      nextSequence,
      onAppended: (entries) => observer.appended(entries),
    });
  }

  async function advance(head: HeadNotice): Promise<void> {
    if (window.has(head) || isBehind(head)) return;
    try {
      await catchUp(head.number);
      await join(head);
      await finalizeByDepth();
    } finally {
      // Blocks that were numbered are published even if the next one could not be fetched.
      await writer.flush();
      window.trim();
    }
  }

  /** A head at or below the bottom comes from a provider that lags: no reorg shows itself by a lower head. */
  function isBehind(head: BlockRef): boolean {
    return head.number <= (window.bottom?.number ?? (firstNumber ?? 0) - 1);
  }

  /** Far behind, blocks are fetched by number until the head is near. A block that is not on the tip is a reorg. */
  async function catchUp(headNumber: number): Promise<void> {
    for (;;) {
      const from = window.tip ? window.tip.number + 1 : (firstNumber ?? headNumber);
      const to = headNumber - walkBlocksMax / 2;
      if (headNumber - from < walkBlocksMax) return;
      const stray = await addRange(from, to);
      if (stray) await join({ ...stray, header: stray, from: "range", seenAtMs: deps.now() });
    }
  }

  /** @returns the first block that does not follow the tip, if one did not. */
  async function addRange(from: number, to: number): Promise<Header | undefined> {
    let logs = 0;
    for await (const block of source.range(from, to)) {
      const { number, parentHash } = block.header;
      if (window.tip && parentHash !== window.tip.hash) return block.header;
      await writer.add(block, deps.now());
      logs += block.logs.length;
      observer.progressed({ done: number - from + 1, logs, remaining: to - number });
    }
    return undefined;
  }

  /** Walks from `head` to a published block by parent hash; takes back what lies above it; adds the walked ones. */
  async function join(head: HeadNotice): Promise<void> {
    if (!window.tip && firstNumber === null) return addFirst(head);
    if (window.tip?.hash === head.parentHash) return addNext(head);
    const path: PathStep[] = [];
    let at: Header = head.header?.transactionHashes ? head.header : await source.headerByHash(head.hash);
    while (!(await reaches(at))) {
      path.push(stepOf(at, path.length));
      at = await source.headerByHash(at.parentHash);
    }
    path.push(stepOf(at, path.length));
    await takeBack(at.number - 1, head.seenAtMs);
    const blocks = inOrderAhead(path.toReversed(), fetchAheadMax, (step) =>
      source.block(step.ref, step.known),
    );
    for await (const block of blocks) await writer.add(block, head.seenAtMs);
  }

  /** Whether the block stands on a published one, or would be the ledger's first. */
  async function reaches(header: Header): Promise<boolean> {
    const parent = { number: header.number - 1, hash: header.parentHash };
    if (window.has(parent)) return true;
    if (!window.bottom) return header.number <= (firstNumber ?? header.number);
    if (parent.number >= window.bottom.number) return false;
    // Without older records, this is where the ledger begins.
    return (await deepen()) ? window.has(parent) : true;
  }

  /** Reads older ledger records into the window. @returns whether there were any. */
  async function deepen(): Promise<boolean> {
    await writer.flush();
    const bottom = window.bottom?.number ?? 0;
    for (let count = deepTailRecords; ; count *= 2) {
      const records = await ledger.readTail(count);
      const deeper = createWindow(records);
      const isWhole = records.length < count || records[0]?.sequence === 1;
      if ((deeper.bottom?.number ?? bottom) < bottom) {
        window = deeper;
        writer = writerOn(window, writer.nextSequence);
        return true;
      }
      if (isWhole) return false;
    }
  }

  async function addFirst(head: HeadNotice): Promise<void> {
    await writer.add(await source.block(head, hintOf(head)), head.seenAtMs);
  }

  async function addNext(head: HeadNotice): Promise<void> {
    const block = await source.block(head, hintOf(head));
    // The announcement said so; the block itself decides.
    if (block.header.parentHash !== window.tip?.hash)
      return join({ ...head, parentHash: block.header.parentHash, header: block.header });
    await writer.add(block, head.seenAtMs);
  }

  async function takeBack(ancestor: number, seenAtMs: number): Promise<void> {
    const leaving = window.above(ancestor);
    if (leaving.length === 0) return;
    const final = window.finalized?.number ?? -1;
    observer.reorged({ ancestor, depth: leaving.length, belowFinalized: ancestor < final });
    // Blocks of this very catching up may leave: their logs are read back from the topic like all others.
    await writer.flush();
    for (const group of groupsOf(leaving)) {
      const bodies = await ledger.readLogs(group);
      for (const block of group) {
        const logs = bodies.get(block.sequence);
        if (!logs) observer.bodiesLost(block);
        await writer.remove(block, logs ?? [], seenAtMs);
      }
    }
    // All of it left: whatever happens before the other branch is read, that one begins where this one did.
    if (!window.tip) firstNumber = leaving.at(-1)?.number ?? firstNumber;
  }

  async function finalizeByDepth(): Promise<void> {
    const { finality } = deps.chain;
    if (finality.kind !== "depth" || !window.tip) return;
    const block = window.at(window.tip.number - finality.depth);
    if (block && block.number > (window.finalized?.number ?? -1)) await writer.finalize(block, deps.now());
  }

  async function settleFinality(): Promise<void> {
    if (deps.chain.finality.kind !== "tag") return;
    const ref: BlockRef | null = await source.finalized();
    if (!ref || ref.number <= (window.finalized?.number ?? -1)) return;
    const ours = window.at(ref.number);
    // Further than our tip, or below what we hold: nothing that we could say about it.
    if (!ours) return;
    if (ours.hash !== ref.hash) return observer.finalityConflict(ref);
    await writer.finalize(ours, deps.now());
    await writer.flush();
    window.trim();
  }

  return {
    advance,
    settleFinality,
    get window() {
      return window;
    },
  };
}

/** Where a ledger began whose every block was taken back; undefined for one without a block. */
function lowestRemoved(tail: readonly Block[]): number | undefined {
  return tail.findLast((record) => record.kind === "removed")?.number;
}

interface PathStep {
  readonly ref: BlockRef;
  readonly known: { readonly header?: Header };
}

/** Headers of a short path spare a request each; those of a long one would fill the memory. */
function stepOf(header: Header, depth: number): PathStep {
  const ref = { number: header.number, hash: header.hash };
  return { ref, known: depth < walkBlocksMax * 2 ? { header } : {} };
}

function hintOf({ header, from }: HeadNotice): KnownOfBlock {
  if (!header) return { from };
  return header.transactionHashes ? { header, from } : { bloomHint: header.logsBloom, from };
}

/** Cuts removed blocks into groups whose logs fit in memory together. */
function groupsOf(blocks: readonly Block[]): readonly (readonly Block[])[] {
  const groups: Block[][] = [];
  let logs = Number.POSITIVE_INFINITY;
  for (const block of blocks) {
    if (logs + block.logCount > transactionLimits.logs) {
      groups.push([]);
      logs = 0;
    }
    groups.at(-1)?.push(block);
    logs += block.logCount;
  }
  return groups;
}
