import { logsOf, readRecordedBlock, type RecordedBlock } from "../../support/recorded-blocks.ts";
import { type RecordedChain, startRecordedChain } from "../../support/recorded-chain.ts";
import { makeSyntheticBlock, type SyntheticLog } from "../../support/synthetic-blocks.ts";
import { createAnswersAtOnce } from "./answers-at-once.ts";
import { monotonicMs } from "./clock.ts";
import { serve } from "./worker.ts";

export interface BlockNodeSettings {
  /** One node each. */
  readonly chainIds: readonly number[];
}

export type BlockNodeRequest =
  | { readonly kind: "urls" }
  /** Makes blocks and shows them all at once: what an ingestor finds that was away. */
  | { readonly kind: "grow"; readonly blocks: number }
  /** Makes blocks and announces them at a steady pace, on every chain. */
  | {
      readonly kind: "announce";
      readonly blocks: number;
      readonly everyMs: number;
      /** Logs of a block: so many of the recorded ones. Default: all of them. */
      readonly logs?: number;
    };

export interface Grown {
  /** Of each chain. */
  readonly heads: readonly number[];
  readonly logs: number;
  /** Block hash → monotonic milliseconds when its head was sent. */
  readonly announcedMs: ReadonlyMap<string, number>;
}

interface Node {
  readonly chain: RecordedChain;
  /** @param logs at most. @param atOnce its answers are there before they are asked for. */
  append(logs: number, atOnce: boolean): Promise<void>;
  head(): number;
}

/**
 * Nodes in a process of their own whose blocks hold the logs of Ethereum block 18,000,000 again and again: the
 * transactions and logs are the recorded ones but for some digits that differ in each block; header, bloom and hash are
 * made so that the blocks form a chain.
 */
await serve<BlockNodeSettings, BlockNodeRequest>(async ({ chainIds }) => {
  const transactions = await recordedTransactions();
  const nodes = await Promise.all(chainIds.map((chainId) => startNode(chainId, transactions)));
  const logs = transactions.flat().length;

  async function append(count: number, logsMax: number, atOnce: boolean): Promise<void> {
    for (let made = 0; made < count; made += 1) for (const node of nodes) await node.append(logsMax, atOnce);
  }

  function grown(announcedMs: ReadonlyMap<string, number>): Grown {
    return { heads: nodes.map((node) => node.head()), logs, announcedMs };
  }

  async function announce(blocks: number, everyMs: number): Promise<Grown> {
    const announcedMs = new Map<string, number>();
    for (let shown = 0; shown < blocks; shown += 1) {
      const dueMs = monotonicMs() + everyMs;
      for (const { chain } of nodes) {
        const atMs = monotonicMs();
        chain.next();
        announcedMs.set(chain.head.block.hash, atMs);
      }
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - monotonicMs())));
    }
    return grown(announcedMs);
  }

  async function answer(request: BlockNodeRequest): Promise<readonly string[] | Grown> {
    if (request.kind === "urls") return nodes.map(({ chain }) => chain.wsUrl);
    // All of them first: making one takes time that the pace must not feel.
    const isAnnounced = request.kind === "announce";
    await append(request.blocks, (isAnnounced ? request.logs : undefined) ?? logs, isAnnounced);
    if (isAnnounced) return announce(request.blocks, request.everyMs);
    for (const { chain } of nodes) while (chain.next());
    return grown(new Map());
  }

  return { answer, stop: () => Promise.all(nodes.map(({ chain }) => chain.stop())) };
});

async function recordedTransactions(): Promise<SyntheticLog[][]> {
  const recorded = logsOf(await readRecordedBlock("ethereum", 18_000_000));
  const byTransaction = Map.groupBy(recorded, (log) => log.transactionHash);
  return [...byTransaction.values()].map((logs) =>
    logs.map(({ address, topics, data }) => ({ address, topics, data })),
  );
}

async function startNode(chainId: number, transactions: readonly (readonly SyntheticLog[])[]): Promise<Node> {
  const blocks: RecordedBlock[] = [];
  const answers = createAnswersAtOnce();

  async function append(logsMax: number, atOnce: boolean): Promise<void> {
    const number = blocks.length + 1;
    const made = await makeSyntheticBlock({
      number,
      parentHash: blocks.at(-1)?.block.hash ?? `0x${"00".repeat(32)}`,
      timestamp: Math.floor(Date.now() / 1000),
      transactions: firstOf(transactions, logsMax).map((logs) => logs.map((log) => inBlock(log, number))),
      salt: String(chainId),
      withReceiptsRoot: false,
    });
    if (atOnce) answers.prepare(made);
    blocks.push(made);
  }

  await append(0, false);
  const { textOf } = answers;
  const chain = await startRecordedChain({ chainId, blocks, visible: 1, finalizedDepth: 64, textOf });
  return { chain, append, head: () => Number(chain.head.block.number) };
}

/** The log as another block would have it: indexed words and data differ, or caches and compression would gain by it. */
function inBlock({ address, topics, data }: SyntheticLog, number: number): SyntheticLog {
  const mark = ((number * 2_654_435_761) % 2 ** 32).toString(16).padStart(8, "0");
  const marked = (word: string) => (word.length < 66 ? word : `${word.slice(0, -8)}${mark}`);
  return {
    address,
    topics: topics.map((topic, at) => (at === 0 ? topic : marked(topic))),
    data: marked(data),
  };
}

/** The first transactions that have so many logs together, the last one cut. */
function firstOf(transactions: readonly (readonly SyntheticLog[])[], logsMax: number): SyntheticLog[][] {
  let left = logsMax;
  return transactions
    .map((logs) => {
      const some = logs.slice(0, left);
      left -= some.length;
      return some;
    })
    .filter((logs) => logs.length > 0);
}
