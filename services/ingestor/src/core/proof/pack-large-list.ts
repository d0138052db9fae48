import type { BlockRef, ChainLog } from "../model.ts";
import type { LargeList } from "../rpc/large-list.ts";
import { createLogPacker } from "./packed-log.ts";
import { readOwnLog, type Refusal } from "./verify.ts";

/** The logs of one block, read and found to name it, packed to half the size of their text; or why they are refused. */
export type PackedLogs = { readonly ok: true; readonly packed: readonly ChainLog[] } | Refusal;

/**
 * Reads a list that comes piece by piece, to its end or to its first fault. It needs nothing but the list, because its
 * connection delivers nothing else before it is read: to wait for the block's header first would be to wait for ever.
 */
export async function packLargeList(ref: BlockRef, list: LargeList): Promise<PackedLogs> {
  const pack = createLogPacker();
  const packed: ChainLog[] = [];
  try {
    for await (const piece of list) {
      for (const raw of piece) {
        const read = readOwnLog(ref, raw);
        if (!read.ok) return read;
        const log = pack(read.log);
        if (!log)
          return { ok: false, check: "shape", reason: `log ${read.log.logIndex} holds what is not hex` };
        packed.push(log);
      }
    }
    return { ok: true, packed };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { ok: false, check: "shape", reason: `the list of logs is not JSON: ${error.message}` };
  }
}
