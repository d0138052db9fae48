import type { Metrics } from "../service.ts";

/** The kit's instruments, bound once so that the loops pay nothing for lookups. */
export interface KafkaMetrics {
  /** The tracker and the flow control are read when scraped. */
  ofGroup(group: string, tracker: { unsettled(): number }, flow: { paused(): number }): GroupMetrics;
  /** @param buffered bytes, read when scraped. */
  ofProducer(buffered: () => number): ProducerMetrics;
}

export interface GroupMetrics {
  consumed(topic: string, records: number): void;
  assigned(partitions: number): void;
  committed(seconds: number): void;
  commitFailed(): void;
  rebalanced(abandoned: number, tookMs: number): void;
  restarted(): void;
  offsetLost(topic: string): void;
}

export interface ProducerMetrics {
  acknowledged(records: number, bytes: number): void;
  /** One request, or one transaction. */
  requested(seconds: number): void;
  failed(): void;
  replaced(): void;
  /** The producer is gone: its buffer is not read any more. */
  closed(): void;
}

export function createKafkaMetrics(metrics: Metrics): KafkaMetrics {
  const groups = new Map<string, { unsettled(): number; paused(): number }>();
  const producers = new Set<() => number>();
  const consumed = metrics.counter("ethhook_kafka_records_consumed_total");
  metrics
    .gauge("ethhook_kafka_records_in_flight")
    .collect(() => [...groups].map(([group, state]) => [{ group }, state.unsettled()] as const));
  metrics
    .gauge("ethhook_kafka_partitions_paused")
    .collect(() => [...groups].map(([group, state]) => [{ group }, state.paused()] as const));
  metrics
    .gauge("ethhook_kafka_producer_buffered_bytes")
    .collect(() => [[{}, [...producers].reduce((sum, producer) => sum + producer(), 0)] as const]);

  return {
    ofGroup: (group, tracker, flow) => {
      groups.set(group, { unsettled: () => tracker.unsettled(), paused: () => flow.paused() });
      const commitSeconds = metrics.histogram("ethhook_kafka_commit_duration_seconds").with({ group });
      const revokeSeconds = metrics.histogram("ethhook_kafka_drain_duration_seconds").with({ group });
      return {
        consumed: (topic, records) => consumed.inc({ group, topic }, records),
        assigned: (partitions) =>
          metrics.gauge("ethhook_kafka_partitions_assigned").set(partitions, { group }),
        committed: (seconds) => commitSeconds.observe(seconds),
        commitFailed: () => metrics.counter("ethhook_kafka_commit_failures_total").inc({ group }),
        rebalanced: (abandoned, tookMs) => {
          metrics.counter("ethhook_kafka_rebalances_total").inc({ group });
          metrics.counter("ethhook_kafka_records_abandoned_total").inc({ group }, abandoned);
          revokeSeconds.observe(tookMs / 1000);
        },
        restarted: () => metrics.counter("ethhook_kafka_consumer_restarts_total").inc({ group }),
        offsetLost: (topic) => metrics.counter("ethhook_kafka_offsets_lost_total").inc({ group, topic }),
      };
    },
    ofProducer: (buffered) => {
      producers.add(buffered);
      const seconds = metrics.histogram("ethhook_kafka_produce_duration_seconds");
      const produced = metrics.counter("ethhook_kafka_records_produced_total");
      const producedBytes = metrics.counter("ethhook_kafka_produced_bytes_total");
      return {
        acknowledged: (records, bytes) => {
          produced.inc(records);
          producedBytes.inc(bytes);
        },
        requested: (took) => seconds.observe(took),
        failed: () => metrics.counter("ethhook_kafka_produce_failures_total").inc(),
        replaced: () => metrics.counter("ethhook_kafka_producer_replacements_total").inc(),
        closed: () => void producers.delete(buffered),
      };
    },
  };
}
