import type { InRecord } from "../types.ts";
import type { RecordBatch } from "./record-batch.ts";

/** A transaction that was aborted: the producer's batches from there up to its abort marker do not count. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export interface VisibleRecords {
  /** What a read-committed reader sees, from the offset it asked for; ascending. */
  readonly records: readonly InRecord[];
  /** Where the next fetch starts; undefined when nothing whole was fetched. */
  readonly next: number | undefined;
}

/**
 * Leaves out transaction markers, aborted records, and what stands before the offset that was asked for (a batch is
 * always sent whole). Pure. Several producers' transactions may interleave in one partition.
 */
export function visibleRecords(
  batches: readonly RecordBatch[],
  aborted: readonly AbortedTransaction[],
  from: number,
): VisibleRecords {
  const pending = aborted.toSorted((a, b) => a.firstOffset - b.firstOffset);
  const aborting = new Set<number>();
  let begun = 0;
  let records: InRecord[] | undefined;
  let next: number | undefined;
  for (const batch of batches) {
    if (batch.lastOffset < from) continue;
    next = batch.lastOffset + 1;
    for (let one = pending[begun]; one && one.firstOffset <= batch.lastOffset; one = pending[begun]) {
      aborting.add(one.producerId);
      begun += 1;
    }
    if (batch.control !== undefined) {
      if (batch.control === "abort") aborting.delete(batch.producerId);
      continue;
    }
    if (batch.transactional && aborting.has(batch.producerId)) continue;
    const first = batch.records[0];
    const seen =
      first && first.offset < from ? batch.records.filter((record) => record.offset >= from) : batch.records;
    if (records === undefined) records = seen;
    // Not push(...seen): a large batch would overflow the stack.
    else for (const record of seen) records.push(record);
  }
  return { records: records ?? [], next };
}
