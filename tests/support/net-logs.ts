import type { Block, Log } from "@ethhook/schemas";
import { logsOf, type RecordedBlock, type RpcLog } from "./recorded-blocks.ts";

/** What identifies a log on a chain, and its content. */
function textOf(log: {
  blockHash: string;
  logIndex: number;
  address: string;
  topics: readonly string[];
  data: string;
}) {
  return [log.blockHash, log.logIndex, log.address, log.topics.join(","), log.data].join(" ");
}

/**
 * The logs that stand at the end, by content, sorted. Throws at the first record that breaks what a reader may rely on:
 * a `new` twice under one sequence, a `removed` without its equal `new` before it.
 * @param logs as `readLogs` gives them: partition by partition, in order.
 */
export function netLogs(logs: readonly Log[]): readonly string[] {
  const standing = new Map<string, string>();
  for (const log of logs) {
    const id = `${log.addedSequence}:${log.logIndex}`;
    if (log.kind === "new" && standing.has(id)) throw new Error(`${id} is new twice`);
    if (log.kind === "removed" && standing.get(id) !== textOf(log))
      throw new Error(`${id} is removed, but was ${standing.get(id) ?? "not there"}`);
    if (log.kind === "new") standing.set(id, textOf(log));
    else standing.delete(id);
  }
  return [...standing.values()].toSorted();
}

/** The same of logs as a node serves them. */
export function sortedTexts(logs: readonly RpcLog[]): readonly string[] {
  return logs.map((log) => textOf({ ...log, logIndex: Number(log.logIndex) })).toSorted();
}

/** The same of the chain itself. */
export function canonicalLogs(blocks: readonly RecordedBlock[]): readonly string[] {
  return sortedTexts(blocks.flatMap(logsOf));
}

/** `+1000 +1001 -1001 !1000`: what the ledger says, record by record; `names` tells branches apart by hash. */
export function inShort(ledger: readonly Block[], names: ReadonlyMap<string, string> = new Map()): string {
  const signs = { added: "+", removed: "-", finalized: "!" } as const;
  return ledger.map(({ kind, hash, number }) => `${signs[kind]}${names.get(hash) ?? number}`).join(" ");
}
