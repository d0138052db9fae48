import { createMetrics, Registry, startHealthServer, type Logger, type Metrics } from "@ethhook/kit";
import {
  metricCatalogue,
  type GroupLag,
  type LagReport,
  type PartitionLag,
  type TopicLag,
} from "@ethhook/topology";

/** A report older than this is not shown as the present. */
const freshMs = 120_000;

/**
 * Serves the lag as Prometheus metrics, read anew every `everyMs`, until `signal` aborts.
 * @throws PipelineError `PORT_IN_USE`.
 */
export async function serveLag(
  read: () => Promise<LagReport>,
  options: {
    readonly host: string;
    readonly port: number;
    readonly everyMs: number;
    readonly logger: Logger;
  },
  signal: AbortSignal,
): Promise<void> {
  const registry = new Registry();
  const metrics = createMetrics(metricCatalogue, registry);
  let report: LagReport | undefined;
  publish(metrics, () => report?.groups ?? []);
  metrics.gauge("ethhook_lag_scrape_timestamp_seconds").set((Date.now() - freshMs) / 1_000);

  const fresh = () => report !== undefined && Date.now() - report.atMs < freshMs;
  const server = await startHealthServer({
    host: options.host,
    port: options.port,
    notReady: () => (fresh() ? [] : ["the broker's offsets were not read lately"]),
    metrics: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  });
  options.logger.info(
    { event: "lag.serving", port: server.port },
    `http://${options.host}:${server.port}/metrics`,
  );
  try {
    while (!signal.aborted) {
      try {
        report = await read();
        metrics.gauge("ethhook_lag_scrape_timestamp_seconds").set(report.atMs / 1_000);
      } catch (error) {
        options.logger.warn({ event: "lag.unreadable", err: error }, "the broker's offsets were not read");
      }
      await pause(options.everyMs, signal);
    }
  } finally {
    await server.stop();
  }
}

/** Every figure of the report, read when it is scraped. */
function publish(metrics: Metrics, groups: () => LagReport["groups"]): void {
  const ofPartitions = (read: (lag: PartitionLag) => number | null) => () =>
    groups().flatMap(({ group, topics }) =>
      topics.flatMap(({ topic, partitions }) =>
        partitions.flatMap((lag) => told(read(lag), { group, topic, partition: String(lag.partition) })),
      ),
    );
  const ofTopics = (read: (lag: TopicLag) => number | null) => () =>
    groups().flatMap(({ group, topics }) =>
      topics.flatMap((lag) => told(read(lag), { group, topic: lag.topic })),
    );
  const ofGroups = (read: (lag: GroupLag) => number | null) => () =>
    groups().flatMap((lag) => told(read(lag), { group: lag.group }));
  metrics.gauge("ethhook_lag_records").collect(ofPartitions(({ records }) => records));
  metrics
    .gauge("ethhook_lag_eligible_records")
    .collect(ofPartitions(({ eligibleRecords }) => eligibleRecords));
  metrics.gauge("ethhook_lag_seconds").collect(ofPartitions(({ seconds }) => seconds));
  metrics.gauge("ethhook_lag_committed_offset").collect(ofPartitions(({ committed }) => committed));
  metrics.gauge("ethhook_lag_end_offset").collect(ofPartitions(({ end }) => end));
  metrics.gauge("ethhook_lag_retention_ratio").collect(ofTopics(({ retentionRatio }) => retentionRatio));
  metrics.gauge("ethhook_lag_lost_records").collect(ofTopics(({ lostRecords }) => lostRecords));
  metrics.gauge("ethhook_lag_drain_seconds").collect(ofGroups(({ drainSeconds }) => drainSeconds));
  metrics.gauge("ethhook_lag_group_members").collect(ofGroups(({ members }) => members));
}

/** What is not known is not shown. */
function told<L>(value: number | null, labels: L): (readonly [L, number])[] {
  return value === null ? [] : [[labels, value]];
}

/** Resolves after `ms`, or at once when `signal` aborts. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done, { once: true });
    function done(): void {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    }
  });
}
