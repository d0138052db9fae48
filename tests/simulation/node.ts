import type { RpcLog } from "../support/recorded-blocks.ts";
import type { Chance } from "./chance.ts";
import { count, type FaultName, rangeRefusals, rateLimits, type Tally } from "./faults.ts";
import type { SimBlock, World } from "./world.ts";

/** What goes over the wire, or does not. */
export type Reply =
  | { readonly kind: "result"; readonly result: unknown }
  | { readonly kind: "error"; readonly code: number; readonly message: string }
  | { readonly kind: "status"; readonly status: number; readonly retryAfter?: string }
  | { readonly kind: "garbage" }
  | { readonly kind: "broken" }
  | { readonly kind: "silence" };

export interface NodeProfile {
  readonly name: string;
  readonly kind: "ws" | "http";
  readonly latencyMs: readonly [number, number];
  /** Share of answers that fail somehow while the storm lasts. */
  readonly faultRate: number;
  /** Share of logs, blocks and receipts that are wrong, while the storm lasts. */
  readonly lieRate: number;
  /** Goes on lying about logs when everything else is calm. */
  readonly liesForEver: boolean;
  /** Blocks that it gives in one answer as a range. */
  readonly rangeMax: number;
  /** Whether it still serves blocks that left the chain. */
  readonly keepsOrphans: boolean;
}

export interface NodeDeps {
  readonly world: World;
  readonly chance: Chance;
  readonly tally: Tally;
  readonly now: () => number;
  readonly isStorm: () => boolean;
  readonly chainId: number;
  readonly liesAboutBlooms: boolean;
}

/** One provider's node: what it believes of the chain, and what it says of it. */
export interface SimNode {
  readonly profile: NodeProfile;
  /** Blocks behind the chain. */
  lag: number;
  /** The tip that it takes for the chain's; null: the true one. */
  fork: SimBlock | null;
  /** Says that it serves another chain. */
  isElsewhere: boolean;
  head(): SimBlock;
  answer(method: string, params: readonly unknown[]): Reply;
}

const quantity = (value: number) => `0x${value.toString(16)}`;

export function createNode(profile: NodeProfile, deps: NodeDeps): SimNode {
  const { world, chance, tally } = deps;
  const node: SimNode = { profile, lag: 0, fork: null, isElsewhere: false, head, answer };

  function head(): SimBlock {
    const tip = node.fork ?? world.head;
    return world.at(tip, tip.number - node.lag) ?? tip;
  }

  function struck(name: FaultName): true {
    count(tally, name);
    return true;
  }

  function known(hash: unknown): SimBlock | undefined {
    const block = world.byHash(String(hash));
    if (!block) return undefined;
    if (world.at(head(), block.number) === block) return block;
    return profile.keepsOrphans && block.number <= head().number ? block : undefined;
  }

  function numbered(tag: unknown): SimBlock | undefined {
    if (tag === "latest") return head();
    if (tag === "finalized") return finalized();
    return world.at(head(), Number(tag));
  }

  function finalized(): SimBlock | undefined {
    if (deps.isStorm() && chance.hits(0.1) && struck("finalized: none")) return undefined;
    if (deps.isStorm() && node.fork && struck("finalized: of another fork"))
      return world.at(node.fork, node.fork.number - 1);
    const final = world.finalized;
    return world.at(head(), Math.min(final.number, head().number));
  }

  function answer(method: string, params: readonly unknown[]): Reply {
    return trouble() ?? said(method, params);
  }

  function trouble(): Reply | undefined {
    if (!deps.isStorm() || !chance.hits(profile.faultRate)) return undefined;
    const possible = profile.kind === "http" ? [...anywhere, ...overHttp] : anywhere;
    const [name, make] = chance.pick(possible);
    count(tally, name);
    return make();
  }

  const inSeconds = () => String(chance.between(1, 20));
  const asDate = () => new Date(deps.now() + 1_000 * chance.between(1, 20)).toUTCString();
  const anywhere: readonly Trouble[] = [
    ["answer: none in time", () => ({ kind: "silence" })],
    ["answer: connection breaks", () => ({ kind: "broken" })],
    ["answer: not JSON", () => ({ kind: "garbage" })],
    ["answer: null", () => ({ kind: "result", result: null })],
    ["answer: an internal error", () => ({ kind: "error", code: -32_603, message: "Internal error" })],
    ["answer: rate limit, in words", () => ({ kind: "error", ...chance.pick(rateLimits) })],
  ];
  const overHttp: readonly Trouble[] = [
    [
      "answer: HTTP 429 with Retry-After in seconds",
      () => ({ kind: "status", status: 429, retryAfter: inSeconds() }),
    ],
    [
      "answer: HTTP 429 with Retry-After as a date",
      () => ({ kind: "status", status: 429, retryAfter: asDate() }),
    ],
    ["answer: HTTP 503", () => ({ kind: "status", status: 503 })],
    ["answer: HTTP 500", () => ({ kind: "status", status: 500 })],
  ];

  function said(method: string, params: readonly unknown[]): Reply {
    const [first] = params;
    if (method === "eth_chainId") {
      if (node.isElsewhere) struck("node: serves another chain");
      return result(quantity(node.isElsewhere ? deps.chainId + 1 : deps.chainId));
    }
    if (method === "eth_subscribe") return result(`0x${profile.name.length.toString(16)}`);
    if (method === "eth_getBlockByNumber") return result(numbered(first)?.recorded.block ?? null);
    if (method === "eth_getBlockByHash") return result(blockOf(known(first)));
    if (method === "eth_getBlockReceipts") return result(receiptsOf(known(first)));
    if (method === "eth_getLogs") return logsFor(first as LogFilter);
    return { kind: "error", code: -32_601, message: `the method ${method} does not exist` };
  }

  const lies = (aboutLogs: boolean) =>
    (deps.isStorm() && chance.hits(profile.lieRate)) || (aboutLogs && profile.liesForEver);

  function blockOf(block: SimBlock | undefined): unknown {
    if (!block) return null;
    const { recorded } = block;
    if (!lies(false)) return recorded.block;
    if (block.parent && chance.hits(0.5) && struck("block: another one than asked for"))
      return block.parent.recorded.block;
    if (!deps.liesAboutBlooms) return recorded.block;
    struck("block: a bloom that is not its own");
    // A lie is its node's own: one that all tell alike is a quirk of the chain.
    return { ...recorded.block, logsBloom: `0x${profile.name.slice(-1).padStart(512, "0")}` };
  }

  function receiptsOf(block: SimBlock | undefined): unknown {
    if (!block) return null;
    const { receipts } = block.recorded;
    if (!lies(true) || receipts.length === 0) return receipts;
    const at = chance.between(0, receipts.length - 1);
    return chance.pick([
      () => struck("receipts: null") && null,
      () => struck("receipts: a null among them") && receipts.with(at, null as never),
      () => struck("receipts: one missing") && receipts.toSpliced(at, 1),
    ])();
  }

  function logsFor(filter: LogFilter): Reply {
    if (filter.blockHash === undefined) return rangeOf(Number(filter.fromBlock), Number(filter.toBlock));
    const block = known(filter.blockHash);
    if (!block) return { kind: "error", code: -32_000, message: "unknown block" };
    return result(lies(true) ? wrongLogs(block) : block.logs);
  }

  function rangeOf(from: number, to: number): Reply {
    if (to - from + 1 > profile.rangeMax && struck("range: refused in a node's own words"))
      return { kind: "error", ...chance.pick(rangeRefusals) };
    const blocks: SimBlock[] = [];
    for (
      let block: SimBlock | null | undefined = world.at(head(), to) ?? head();
      block;
      block = block.parent
    ) {
      if (block.number >= from && block.number <= to) blocks.unshift(block);
    }
    const logs = blocks.flatMap((block) => block.logs);
    if (!lies(true) || logs.length === 0) return result(logs);
    struck("range: silently less");
    return result(logs.toSpliced(chance.between(0, logs.length - 1), chance.between(1, 3)));
  }

  function wrongLogs({ logs, parent, number }: SimBlock): readonly unknown[] {
    const other = parent ? [...parent.logs] : [];
    if (logs.length === 0) return struck("logs: of another fork") && other;
    const at = chance.between(0, logs.length - 1);
    const changed = (change: Partial<RpcLog>) => logs.with(at, { ...logs[at]!, ...change });
    return chance.pick<() => readonly unknown[]>([
      () => (struck("logs: all dropped under a bloom"), []),
      () => (struck("logs: the last dropped"), logs.slice(0, -1)),
      () => (struck("logs: one in the middle dropped"), logs.toSpliced(at, 1)),
      () => (struck("logs: of another fork"), changed({ blockHash: parent?.hash ?? quantity(number) })),
      () => (struck("logs: a logIndex twice"), [...logs, logs[at]]),
      () => (struck("logs: a logIndex that underflowed"), changed({ logIndex: "0xffffffffffffffff" })),
      () => (struck("logs: a null among them"), [...logs, null]),
      () => (struck("logs: marked removed"), changed({ removed: true })),
    ])();
  }

  return node;
}

type Trouble = readonly [FaultName, () => Reply];

interface LogFilter {
  readonly blockHash?: string;
  readonly fromBlock?: string;
  readonly toBlock?: string;
}

const result = (value: unknown): Reply => ({ kind: "result", result: value });
