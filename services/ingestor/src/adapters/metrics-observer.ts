import type { Logger, Metrics } from "@ethhook/kit";
import type { Block } from "@ethhook/schemas";
import type { Chain } from "@ethhook/topology";
import type { FollowerObserver } from "../core/ports.ts";
import type { CheckName } from "../core/proof/checks.ts";
import type { CheckOutcome } from "../core/rpc/block-reader.ts";
import type { RpcError } from "../core/rpc/rpc-error.ts";

export interface ObserverDeps {
  readonly chain: Pick<Chain, "name">;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly now: () => number;
}

const progressEveryMs = 5_000;

export interface ChainObserver extends FollowerObserver {
  failed(provider: string, error: RpcError, method: string): void;
  checked(provider: string, check: CheckName, outcome: CheckOutcome): void;
  leads(isLeading: boolean): void;
  /** No provider could answer: the chain waits. */
  sourceFailed(error: RpcError): void;
}

/** Tells metrics and log what a chain did: one wide line a transaction. */
export function createObserver({ chain, logger, metrics, now }: ObserverDeps): ChainObserver {
  const labels = { chain: chain.name };
  const published = metrics.histogram("ethhook_ingestor_head_to_published_seconds").with(labels);
  let backfill = { startedAtMs: 0, saidAtMs: 0 };

  function logRefused({ number }: Block, count: number): void {
    metrics.counter("ethhook_ingestor_logs_refused_total").inc(labels, count);
    logger.error(
      { event: "log.refused", code: "LOG_TOO_LARGE", number, logs: count },
      `${chain.name}: ${count} logs of block ${number} are larger than a record can be: see logs.dlq`,
    );
  }

  return {
    appended(entries) {
      const atMs = now();
      for (const { record, logs, refused } of entries) {
        const kind = record.kind;
        if (refused.length > 0) logRefused(record, refused.length);
        metrics.counter("ethhook_ingestor_blocks_published_total").inc({ ...labels, kind }, 1);
        if (logs.length > 0)
          metrics
            .counter("ethhook_ingestor_logs_published_total")
            .inc({ ...labels, kind: kind === "removed" ? "removed" : "new" }, logs.length);
        if (kind === "added") published.observe((atMs - record.seenAtMs) / 1_000);
      }
      const last = entries.at(-1)?.record;
      if (!last) return;
      logger.debug(
        {
          event: "blocks.published",
          blocks: entries.length,
          logs: entries.reduce((sum, { logs }) => sum + logs.length, 0),
          kind: last.kind,
          number: last.number,
          sequence: last.sequence,
          tookMs: atMs - last.seenAtMs,
        },
        `${chain.name} ${last.kind} ${last.number}`,
      );
    },
    reorged({ ancestor, depth, belowFinalized }) {
      metrics
        .counter("ethhook_ingestor_reorgs_total")
        .inc({ ...labels, finalized: String(belowFinalized) }, 1);
      metrics.histogram("ethhook_ingestor_reorg_depth_blocks").observe(depth, labels);
      const fields = { event: "chain.reorged", ancestor, depth, belowFinalized };
      if (belowFinalized)
        logger.error(fields, `${chain.name}: a reorg takes back ${depth} blocks that were final`);
      else logger.info(fields, `${chain.name}: a reorg takes back ${depth} blocks down to ${ancestor}`);
    },
    bodiesLost(block) {
      metrics.counter("ethhook_ingestor_removals_incomplete_total").inc(labels, 1);
      logger.error(
        { event: "removal.incomplete", number: block.number, logs: block.logCount },
        `${chain.name}: block ${block.number} left the chain, but its logs are no longer in the topic`,
      );
    },
    finalityConflict(ref) {
      metrics.counter("ethhook_ingestor_finality_conflicts_total").inc(labels, 1);
      logger.error(
        { event: "finality.conflict", number: ref.number, hash: ref.hash },
        `${chain.name}: the node calls another block ${ref.number} final than the one published`,
      );
    },
    failed(provider, error, method) {
      const { failure } = error;
      metrics.counter("ethhook_ingestor_provider_failures_total").inc({ ...labels, provider, failure }, 1);
      const fields = { event: "provider.failed", provider, failure, method };
      if (failure === "wrong-chain") logger.error(fields, error.message);
      else logger.debug(fields, error.message);
    },
    checked(provider, check, outcome) {
      metrics.counter("ethhook_ingestor_block_checks_total").inc({ ...labels, provider, check, outcome }, 1);
      if (outcome === "failed")
        logger.warn({ event: "check.failed", provider, check }, `${provider} fails the check ${check}`);
      if (outcome === "admitted")
        logger.error(
          { event: "header.admitted", provider, check },
          `${chain.name}: no provider's header hashes to its hash, and all send the same: its block is published unproven`,
        );
    },
    leads(isLeading) {
      metrics.gauge("ethhook_ingestor_leading").set(isLeading ? 1 : 0, labels);
    },
    sourceFailed(error) {
      logger.warn({ event: "source.failed", code: error.code }, `${chain.name} waits: ${error.message}`);
    },
    progressed({ done, logs, remaining }) {
      const atMs = now();
      if (done === 1) backfill = { startedAtMs: atMs, saidAtMs: atMs };
      const isLast = remaining === 0;
      if (!isLast && atMs - backfill.saidAtMs < progressEveryMs) return;
      backfill.saidAtMs = atMs;
      const seconds = Math.max(0.001, (atMs - backfill.startedAtMs) / 1_000);
      const logsPerSecond = Math.round(logs / seconds);
      const etaSeconds = Math.round((remaining * seconds) / done);
      logger.info(
        { event: "backfill.progressed", blocks: done, logs, logsPerSecond, remaining, etaSeconds },
        `${chain.name}: ${done} blocks with ${logs} logs fetched, ${logsPerSecond} logs/s; ${remaining} blocks remain, about ${etaSeconds} s`,
      );
    },
  };
}
