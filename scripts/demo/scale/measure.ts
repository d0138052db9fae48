import { setTimeout as delay } from "node:timers/promises";
import type { KafkaClient } from "@ethhook/kit";
import { PipelineError } from "@ethhook/schemas";

const burstLogs = 12_000;
/** Of the burst: read while the process is still warming up. */
const warmUpLogs = 6_000;
const pollMs = 50;
const deadlineMs = 30_000;

/**
 * How many records a second a group reads that has a burst before it, once it is warm.
 * @param burst writes so many records to the topic.
 */
export async function measureReading(
  kafka: KafkaClient,
  { group, topic }: { readonly group: string; readonly topic: string },
  burst: (records: number) => Promise<void>,
): Promise<number> {
  const admin = kafka.admin();
  const committed = async (): Promise<number> => {
    const offsets = await admin.committedOffsets(group, [topic]);
    return offsets.reduce((sum, { offset }) => sum + (offset ?? 0), 0);
  };
  try {
    await burst(burstLogs);
    const startedAt = performance.now();
    let first: { readonly records: number; readonly atMs: number } | undefined;
    while (performance.now() - startedAt < deadlineMs) {
      const records = await committed();
      const atMs = performance.now();
      if (first === undefined && records >= warmUpLogs) first = { records, atMs };
      if (first !== undefined && records >= burstLogs) {
        const [since, seconds] = [records - first.records, (atMs - first.atMs) / 1_000];
        // One commit held everything: then it is at least this fast.
        return since > 0 ? since / seconds : burstLogs / ((atMs - startedAt) / 1_000);
      }
      await delay(pollMs);
    }
    throw new PipelineError(
      "SERVICE_FAILED",
      "crash",
      `${group} did not read ${burstLogs} records within ${deadlineMs / 1_000} s: the machine is too busy for the demo.`,
    );
  } finally {
    await admin.close();
  }
}
