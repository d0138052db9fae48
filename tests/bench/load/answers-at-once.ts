import { logsOf, type RecordedBlock } from "../../support/recorded-blocks.ts";
import type { RpcCall } from "../../support/recorded-chain-rpc.ts";

/** What a node is asked for a new block, as text that is there before the question: so that only the product's time is measured. */
export interface AnswersAtOnce {
  prepare(recorded: RecordedBlock): void;
  /** JSON of the result, if it was prepared. */
  textOf(call: RpcCall): string | undefined;
}

export function createAnswersAtOnce(): AnswersAtOnce {
  const bodies = new Map<unknown, string>();
  const logs = new Map<unknown, string>();
  return {
    prepare(recorded) {
      const { block } = recorded;
      const transactions = block.transactions.map((item) => (typeof item === "string" ? item : item.hash));
      bodies.set(block.hash, JSON.stringify({ ...block, transactions }));
      logs.set(block.hash, JSON.stringify(logsOf(recorded)));
    },
    textOf({ method, params: [first, isFull] = [] }) {
      if (method === "eth_getBlockByHash" && isFull !== true) return bodies.get(first);
      if (method === "eth_getLogs") return logs.get((first as { blockHash?: string }).blockHash);
      return undefined;
    },
  };
}
