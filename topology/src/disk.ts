import type { AnyTopic } from "./types.ts";

/** The load that the stated disk is computed for: four chains on a busy day emit about three times as much. */
export const statedLogsPerSecond = 1_000;

export interface Disk {
  readonly recordsPerSecond: number;
  readonly bytesPerDay: number;
  /** Bytes kept when retention is full, one replica, before compression; of a topic kept for ever: in one year. */
  readonly bytes: number;
}

/** Disk that a topic costs at `logsPerSecond` before compression: an upper bound, zstd takes a third to a tenth of it. */
export function diskOf(
  topic: Pick<AnyTopic, "traffic" | "retentionMs">,
  logsPerSecond = statedLogsPerSecond,
): Disk {
  const recordsPerSecond = logsPerSecond * topic.traffic.recordsPerLog;
  const bytesPerDay = recordsPerSecond * topic.traffic.recordBytes * 86_400;
  const days = topic.retentionMs === null ? 365 : topic.retentionMs / 86_400_000;
  return { recordsPerSecond, bytesPerDay, bytes: bytesPerDay * days };
}
