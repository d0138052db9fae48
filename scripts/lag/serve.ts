import { createMetrics, Registry, startHealthServer, type Logger } from "@ethhook/kit";
import { metricCatalogue, type LagReport } from "@ethhook/topology";

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
  const groups = () => report?.groups ?? [];
  const partitions = () =>
    groups().flatMap(({ group, topics }) =>
      topics.flatMap(({ topic, partitions: lags }) =>
        lags.map((lag) => ({ lag, labels: { group, topic, partition: String(lag.partition) } })),
      ),
    );
  metrics
    .gauge("ethhook_lag_records")
    .collect(() => partitions().map(({ lag, labels }) => [labels, lag.records] as const));
  metrics
    .gauge("ethhook_lag_eligible_records")
    .collect(() => partitions().map(({ lag, labels }) => [labels, lag.eligibleRecords] as const));
  metrics
    .gauge("ethhook_lag_seconds")
    .collect(() => partitions().map(({ lag, labels }) => [labels, lag.seconds] as const));
  metrics
    .gauge("ethhook_lag_retention_ratio")
    .collect(() =>
      groups().flatMap(({ group, topics }) =>
        topics.flatMap(({ topic, retentionRatio }) =>
          retentionRatio === null ? [] : [[{ group, topic }, retentionRatio] as const],
        ),
      ),
    );
  metrics
    .gauge("ethhook_lag_group_members")
    .collect(() => groups().map(({ group, members }) => [{ group }, members] as const));
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
