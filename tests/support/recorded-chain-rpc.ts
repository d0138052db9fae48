import { logsOf, type RecordedBlock } from "./recorded-blocks.ts";

export interface RpcCall {
  readonly id: unknown;
  readonly method: string;
  readonly params?: readonly unknown[];
}

/** What a node can be asked of: its chain id, the blocks up to its head, and how far behind it finality is. */
export interface ChainView {
  readonly chainId: number;
  blocks(): readonly RecordedBlock[];
  /** null: no `finalized` tag. */
  readonly finalizedDepth: number | null;
}

/** Ranges wider than this are refused, as real nodes do. */
const rangeBlocksMax = 2_000;

/** The JSON-RPC answer, errors included, of an honest node. */
export function answer(view: ChainView, call: RpcCall): unknown {
  const head = { jsonrpc: "2.0", id: call.id };
  try {
    return { ...head, result: resultOf(view, call.method, call.params ?? []) };
  } catch (error) {
    const { code = -32_000, message } = error as { code?: number; message: string };
    return { ...head, error: { code, message } };
  }
}

function resultOf(view: ChainView, method: string, params: readonly unknown[]): unknown {
  const blocks = view.blocks();
  const hex = (value: number) => `0x${value.toString(16)}`;
  switch (method) {
    case "eth_chainId":
      return hex(view.chainId);
    case "net_version":
      return String(view.chainId);
    case "eth_blockNumber":
      return blocks.at(-1)?.block.number ?? "0x0";
    case "eth_getBlockByHash":
      return blockBody(byHash(blocks, params[0]), params[1] === true);
    case "eth_getBlockByNumber":
      return blockBody(byTag(view, params[0]), params[1] === true);
    case "eth_getBlockReceipts":
      return (isHash(params[0]) ? byHash(blocks, params[0]) : byTag(view, params[0]))?.receipts ?? null;
    case "eth_getLogs":
      return logsFor(view, params[0] as LogsFilter);
    default:
      throw Object.assign(new Error(`the method ${method} does not exist`), { code: -32_601 });
  }
}

interface LogsFilter {
  readonly blockHash?: string;
  readonly fromBlock?: string;
  readonly toBlock?: string;
  readonly address?: string | readonly string[];
}

function logsFor(view: ChainView, filter: LogsFilter): unknown {
  const wanted = [filter.address ?? []].flat().map((address) => address.toLowerCase());
  const matches = (recorded: RecordedBlock) =>
    logsOf(recorded).filter((log) => wanted.length === 0 || wanted.includes(log.address.toLowerCase()));
  if (filter.blockHash !== undefined) {
    const recorded = byHash(view.blocks(), filter.blockHash);
    if (!recorded) throw new Error("unknown block");
    return matches(recorded);
  }
  const from = Number(byTag(view, filter.fromBlock)?.block.number ?? filter.fromBlock);
  const to = Number(byTag(view, filter.toBlock)?.block.number ?? filter.toBlock);
  if (to - from >= rangeBlocksMax)
    throw Object.assign(new Error(`block range is too wide, maximum ${rangeBlocksMax}`), { code: -32_005 });
  return view
    .blocks()
    .filter(({ block }) => Number(block.number) >= from && Number(block.number) <= to)
    .flatMap(matches);
}

function isHash(value: unknown): value is string {
  return typeof value === "string" && value.length === 66;
}

function byHash(blocks: readonly RecordedBlock[], hash: unknown): RecordedBlock | undefined {
  return blocks.findLast(({ block }) => block.hash === hash);
}

function byTag(view: ChainView, tag: unknown): RecordedBlock | undefined {
  const blocks = view.blocks();
  const first = Number(blocks[0]?.block.number ?? 0);
  if (tag === undefined || tag === "latest" || tag === "pending") return blocks.at(-1);
  if (tag === "earliest") return blocks[0];
  if (tag === "finalized" || tag === "safe")
    return view.finalizedDepth === null ? undefined : blocks.at(-1 - view.finalizedDepth);
  return blocks[Number(tag) - first];
}

function blockBody(recorded: RecordedBlock | undefined, full: boolean): unknown {
  if (!recorded) return null;
  if (full) return recorded.block;
  const transactions = recorded.block.transactions.map((item) =>
    typeof item === "string" ? item : item.hash,
  );
  return { ...recorded.block, transactions };
}
