import type { Batch, Consumer, Logger, Metrics, TopicPartition } from "@ethhook/kit";
import type { Finality, Log } from "@ethhook/schemas";
import { toRecord, type Topology } from "@ethhook/topology";
import { decideByLedger, type GateDecision } from "../core/finality-gate.ts";
import { createEpochs } from "../core/epochs.ts";
import { createPartition, type Gate, type Partition } from "../core/partition.ts";
import type { Filters, LogPartition, Outbox, Outgoing, SourceRecord, Standstill } from "../core/ports.ts";
import type { Wait } from "../core/ledger.ts";
import type { KafkaLedgers } from "./kafka-ledgers.ts";
import { epochKey, type PostgresEpochs } from "./postgres-epochs.ts";

export interface KafkaGroupDeps {
  readonly groupId: string;
  readonly finality: Finality;
  readonly topology: Topology;
  readonly consumer: Consumer;
  readonly filters: Filters;
  readonly epochs: PostgresEpochs;
  readonly outbox: Outbox;
  /** Where `confirmed` and `finalized` see what is final. */
  readonly ledgers: KafkaLedgers;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly now: () => number;
  readonly onCrash: (error: Error) => void;
}

/** One finality's consumer group: gives each assigned partition its matching, and takes it away again. */
export interface KafkaGroup {
  readonly groupId: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Partitions at a standstill, in words. */
  problems(): readonly string[];
  /** A chain's ledger has grown: what waited for it may be fetched. */
  ledgerAdvanced(chainId: number): void;
}

/** A partition whose next log waits for its block. */
interface Held {
  readonly source: TopicPartition;
  readonly chainId: number;
  isDecided(): boolean;
}

export function createKafkaGroup(deps: KafkaGroupDeps): KafkaGroup {
  const { consumer, logger, topology, groupId, finality } = deps;
  const chains = new Map(topology.chains.map((chain) => [topology.logs.of(chain.id).name, chain]));
  let partitions = new Map<string, Partition>();
  let standstills = new Map<string, string>();
  let held = new Map<string, Held>();

  function partitionOf({ topic, partition }: TopicPartition): LogPartition | undefined {
    const chain = chains.get(topic);
    return chain === undefined ? undefined : { chainId: chain.id, chain: chain.name, partition };
  }

  async function onAssigned(assigned: readonly TopicPartition[]): Promise<void> {
    const places = assigned.flatMap((one) => {
      const where = partitionOf(one);
      return where === undefined ? [] : [{ one, where }];
    });
    const known = await deps.epochs.claim(places.map(({ where }) => where));
    const assignedAtMs = deps.now();
    standstills = new Map();
    held = new Map();
    partitions = new Map(
      places.map(({ one, where }) => [
        nameOf(one),
        create(one, where, assignedAtMs, known.get(epochKey(where)) ?? []),
      ]),
    );
  }

  function create(
    source: TopicPartition,
    where: LogPartition,
    assignedAtMs: number,
    known: Parameters<typeof createEpochs>[0],
  ): Partition {
    const labels = { group: groupId, chain: where.chain };
    const logs = deps.metrics.counter("ethhook_matcher_logs_total").with(labels);
    const matched = deps.metrics.counter("ethhook_matcher_logs_matched_total").with(labels);
    const deliveries = deps.metrics.counter("ethhook_matcher_deliveries_total").with(labels);
    const poison = deps.metrics.counter("ethhook_matcher_dead_letters_total").with(labels);
    const isCurrent = (): boolean => partitions.get(nameOf(source)) === created;
    const created: Partition = createPartition(where, {
      ...(finality === "latest" ? {} : { gate: gateOf(source, where, finality, isCurrent) }),
      finality,
      filters: deps.filters,
      epochs: createEpochs(known),
      epochLog: deps.epochs,
      outbox: deps.outbox,
      now: deps.now,
      later: setImmediate,
      toRecord: (delivery) => toRecord(topology.deliveries, delivery),
      toDeadLetter: (record, reason) => deadLetter(source, record, reason),
      onStandstill: (standstill) => {
        // The partition may have gone and come back meanwhile: then this one speaks of the past.
        if (isCurrent()) stand(source, standstill);
      },
      onCrash: deps.onCrash,
      onCounts: (counts) => {
        logs.inc(counts.logs);
        matched.inc(counts.matched);
        deliveries.inc(counts.deliveries);
        poison.inc(counts.poison);
      },
      assignedAtMs,
    });
    return created;
  }

  function gateOf(
    source: TopicPartition,
    { chainId }: LogPartition,
    wait: Wait,
    isCurrent: () => boolean,
  ): Gate {
    const decide = (log: Log): GateDecision => decideByLedger(log, deps.ledgers.of(chainId), wait);
    return {
      decide,
      reachBack: (sequence) => deps.ledgers.reachBack(chainId, sequence),
      pause: () => {
        if (isCurrent()) consumer.pause(source);
      },
      resumeWhenDecided(offset, log) {
        if (!isCurrent()) return;
        consumer.seek(source, offset);
        held.set(nameOf(source), { source, chainId, isDecided: () => decide(log) !== "wait" });
        ledgerAdvanced(chainId);
      },
    };
  }

  function ledgerAdvanced(chainId: number): void {
    for (const [name, one] of held) {
      if (one.chainId !== chainId || !one.isDecided()) continue;
      held.delete(name);
      consumer.resume(one.source);
    }
  }

  function deadLetter(source: TopicPartition, record: SourceRecord, reason: string): Outgoing {
    const at = { topic: source.topic, partition: source.partition, offset: record.offset };
    logger.error(
      { event: "record.dead-lettered", ...at, reason },
      "A record cannot be read: it goes to logs.dlq",
    );
    const headers = {
      "source-topic": source.topic,
      "source-partition": String(source.partition),
      "source-offset": String(record.offset),
      reason: reason.slice(0, 1_000),
      group: groupId,
      "dead-at-ms": String(deps.now()),
    };
    return toRecord(
      topology.logsDlq,
      { sourceKey: record.key ?? "", bytes: Buffer.from(record.value ?? []) },
      headers,
    );
  }

  function stand(source: TopicPartition, { reason, detail, offset }: Standstill): void {
    consumer.pause(source);
    const words = `${source.topic}[${source.partition}] stands still at offset ${offset}: ${detail}`;
    standstills.set(nameOf(source), words);
    logger.error({ event: "partition.stopped", ...source, offset, reason }, words);
  }

  function onBatch(batch: Batch): void {
    partitions.get(nameOf(batch))?.accept(batch);
  }

  async function onRevoking(): Promise<void> {
    await Promise.all([...partitions.values()].map((partition) => partition.idle()));
  }

  return {
    groupId,
    start: () => consumer.start({ onBatch, onAssigned, onRevoking, onCrash: deps.onCrash }),
    stop: () => consumer.stop(),
    problems: () => [...standstills.values()],
    ledgerAdvanced,
  };
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}:${partition}`;
}
