import type { RecordedBlock } from "../../support/recorded-blocks.ts";
import { startRecordedChain } from "../../support/recorded-chain.ts";
import { makeSyntheticBlock } from "../../support/synthetic-blocks.ts";
import { createAnswersAtOnce } from "./answers-at-once.ts";
import { monotonicMs } from "./clock.ts";
import { transferOf } from "./transfers.ts";
import { serve } from "./worker.ts";

export interface ChainNodeSettings {
  readonly chainId: number;
  readonly addresses: readonly string[];
  readonly logsPerBlock: number;
}

export interface Announce {
  readonly blocks: number;
  readonly everyMs: number;
}

export interface Announced {
  /** Event id → monotonic milliseconds when its block's head was sent. */
  readonly announcedMs: ReadonlyMap<string, number>;
}

/** A node of a made chain in a process of its own; it announces blocks at a steady pace when asked to. */
await serve<ChainNodeSettings, Announce | { readonly url: true }>(
  async ({ chainId, addresses, logsPerBlock }) => {
    const blocks: RecordedBlock[] = [];
    const answers = createAnswersAtOnce();

    async function append(): Promise<void> {
      const number = blocks.length + 1;
      const logs = Array.from({ length: logsPerBlock }, (_, index) => transferOf(number, index, addresses));
      const made = await makeSyntheticBlock({
        number,
        parentHash: blocks.at(-1)?.block.hash ?? `0x${"00".repeat(32)}`,
        timestamp: Math.floor(Date.now() / 1000),
        transactions: logs.map((log) => [log]),
        withReceiptsRoot: false,
      });
      answers.prepare(made);
      blocks.push(made);
    }

    await append();
    const { textOf } = answers;
    const chain = await startRecordedChain({ chainId, blocks, visible: 1, finalizedDepth: 100, textOf });

    async function announce(wanted: Announce): Promise<Announced> {
      // All of them first: making one takes time that the pace must not feel.
      for (let made = 0; made < wanted.blocks; made += 1) await append();
      const announcedMs = new Map<string, number>();
      await new Promise<void>((resolve) => {
        const timer = setInterval(() => {
          const atMs = monotonicMs();
          if (!chain.next()) {
            clearInterval(timer);
            resolve();
            return;
          }
          const { hash } = chain.head.block;
          for (let index = 0; index < logsPerBlock; index += 1)
            announcedMs.set(`${chainId}:${hash}:${index}`, atMs);
        }, wanted.everyMs);
      });
      return { announcedMs };
    }

    return {
      answer: async (request) => ("url" in request ? chain.wsUrl : announce(request)),
      stop: () => chain.stop(),
    };
  },
);
