import { keccak256 } from "ethers";
import type { RecordedBlock, RpcLog } from "../support/recorded-blocks.ts";
import { makeSyntheticBlock, type SyntheticLog } from "../support/synthetic-blocks.ts";
import type { Chance } from "./chance.ts";

/** A block of the simulated chain, on the block below it. */
export interface SimBlock {
  readonly number: number;
  readonly hash: string;
  readonly parent: SimBlock | null;
  readonly recorded: RecordedBlock;
  readonly logs: readonly RpcLog[];
}

/** The truth: every block that was ever made, and which of them are the chain now. */
export interface World {
  readonly head: SimBlock;
  /** The newest block that the chain calls final. Reorgs below it are rare, and a catastrophe. */
  readonly finalized: SimBlock;
  byHash(hash: string): SimBlock | undefined;
  /** The block of a number below and including `tip`. */
  at(tip: SimBlock, number: number): SimBlock | undefined;
  /** Puts blocks on top of the canonical head. */
  grow(count: number): Promise<void>;
  /** A branch that leaves the chain `depth` blocks below `from` and is `count` long. It is not the chain by that. */
  branch(from: SimBlock, depth: number, count: number): Promise<SimBlock>;
  /** Makes another tip the chain. */
  adopt(tip: SimBlock): void;
  onHead(listener: (head: SimBlock, before: SimBlock) => void): void;
}

export interface WorldOptions {
  readonly chance: Chance;
  readonly firstNumber: number;
  /** Blocks on top of a block that make it final. */
  readonly finalDepth: number;
  readonly logsMax: number;
  /** The first block whose header has a field more. */
  readonly forkNumber: number | null;
  /** Computes true receipt roots, at some cost. */
  readonly withReceiptsRoot: boolean;
}

const contracts = Array.from({ length: 5 }, (_, n) => `0x${n.toString(16).padStart(40, "c")}`);
const wordOf = (text: string) => keccak256(Buffer.from(text));

export async function createWorld(options: WorldOptions): Promise<World> {
  const { chance, finalDepth } = options;
  const blocks = new Map<string, SimBlock>();
  const listeners: ((head: SimBlock, before: SimBlock) => void)[] = [];
  let made = 0;

  function logsOf(number: number): SyntheticLog[] {
    // A third of the blocks is empty, as their blooms are.
    const count = chance.hits(0.3) ? 0 : chance.between(1, options.logsMax);
    return Array.from({ length: count }, (_, index) => ({
      address: chance.pick(contracts),
      topics: [wordOf(`topic ${made} ${number} ${index}`)],
      data: wordOf(`data ${made} ${index}`),
    }));
  }

  async function make(parent: SimBlock | null): Promise<SimBlock> {
    const number = parent ? parent.number + 1 : options.firstNumber;
    made += 1;
    const recorded = await makeSyntheticBlock({
      number,
      parentHash: parent?.hash ?? wordOf("genesis"),
      timestamp: 1_700_000_000 + number,
      transactions: inTransactions(logsOf(number)),
      salt: String(made),
      withReceiptsRoot: options.withReceiptsRoot,
      isForked: options.forkNumber !== null && number >= options.forkNumber,
    });
    const logs = recorded.receipts.flatMap((receipt) => receipt.logs);
    const block = { number, hash: recorded.block.hash, parent, recorded, logs };
    blocks.set(block.hash, block);
    return block;
  }

  async function stack(base: SimBlock, count: number): Promise<SimBlock> {
    let tip = base;
    for (let n = 0; n < count; n++) tip = await make(tip);
    return tip;
  }

  function at(tip: SimBlock, number: number): SimBlock | undefined {
    let block: SimBlock | null = tip;
    while (block && block.number > number) block = block.parent;
    return block?.number === number ? block : undefined;
  }

  let head = await make(null);
  let finalized = head;

  function adopt(tip: SimBlock): void {
    const before = head;
    head = tip;
    const final = at(head, head.number - finalDepth);
    // What was final stays the mark of it by number, even on the branch that should not have happened.
    if (final && final.number >= finalized.number) finalized = final;
    else finalized = at(head, finalized.number) ?? finalized;
    for (const listener of listeners) listener(head, before);
  }

  return {
    get head() {
      return head;
    },
    get finalized() {
      return finalized;
    },
    byHash: (hash) => blocks.get(hash),
    at,
    async grow(count) {
      adopt(await stack(head, count));
    },
    branch: async (from, depth, count) => stack(at(from, from.number - depth) ?? from, count),
    adopt,
    onHead: (listener) => void listeners.push(listener),
  };
}

/** Two logs a transaction. */
function inTransactions(logs: readonly SyntheticLog[]): SyntheticLog[][] {
  return Array.from({ length: Math.ceil(logs.length / 2) }, (_, n) => logs.slice(2 * n, 2 * n + 2));
}
