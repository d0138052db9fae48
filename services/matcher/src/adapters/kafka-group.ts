import type { Batch, Consumer, Logger, Metrics, TopicPartition } from "@ethhook/kit";
import type { Finality } from "@ethhook/schemas";
import { toRecord, type Topology } from "@ethhook/topology";
import { createEpochs, type Epochs } from "../core/epochs.ts";
import { createPartition, type Partition } from "../core/partition.ts";
import type { Filters, LogPartition, Outbox, Outgoing, SourceRecord, Standstill } from "../core/ports.ts";
import type { KafkaGates } from "./kafka-gates.ts";
import type { KafkaLead } from "./kafka-lead.ts";
import { epochKey, type PostgresEpochs } from "./postgres-epochs.ts";

export interface KafkaGroupDeps {
  readonly groupId: string;
  readonly finality: Finality;
  readonly topology: Topology;
  readonly consumer: Consumer;
  readonly filters: Filters;
  /** Who changes versions, and who matches with those that others recorded. */
  readonly role:
    | { readonly kind: "leads"; readonly epochs: PostgresEpochs }
    | { readonly kind: "follows"; readonly lead: KafkaLead; readonly gates: KafkaGates };
  readonly outbox: Outbox;
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
}

export function createKafkaGroup(deps: KafkaGroupDeps): KafkaGroup {
  const { consumer, logger, topology, groupId, finality } = deps;
  const chains = new Map(topology.chains.map((chain) => [topology.logs.of(chain.id).name, chain]));
  let partitions = new Map<string, Partition>();
  let standstills = new Map<string, string>();

  function partitionOf({ topic, partition }: TopicPartition): LogPartition | undefined {
    const chain = chains.get(topic);
    return chain === undefined ? undefined : { chainId: chain.id, chain: chain.name, partition };
  }

  async function onAssigned(assigned: readonly TopicPartition[]): Promise<void> {
    const places = assigned.flatMap((one) => {
      const where = partitionOf(one);
      return where === undefined ? [] : [{ one, where }];
    });
    const known = await epochsOf(places.map(({ where }) => where));
    const assignedAtMs = deps.now();
    standstills = new Map();
    partitions = new Map(
      places.map(({ one, where }) => [
        nameOf(one),
        create(one, where, assignedAtMs, known.get(epochKey(where)) ?? createEpochs([])),
      ]),
    );
  }

  async function epochsOf(places: readonly LogPartition[]): Promise<ReadonlyMap<string, Epochs>> {
    const { role } = deps;
    if (role.kind === "leads") {
      const known = await role.epochs.claim(places);
      return new Map([...known].map(([key, epochs]) => [key, createEpochs(epochs)]));
    }
    role.gates.reset();
    return role.lead.follow(places);
  }

  function create(
    source: TopicPartition,
    where: LogPartition,
    assignedAtMs: number,
    epochs: Epochs,
  ): Partition {
    const labels = { group: groupId, chain: where.chain };
    const logs = deps.metrics.counter("ethhook_matcher_logs_total").with(labels);
    const matched = deps.metrics.counter("ethhook_matcher_logs_matched_total").with(labels);
    const deliveries = deps.metrics.counter("ethhook_matcher_deliveries_total").with(labels);
    const poison = deps.metrics.counter("ethhook_matcher_dead_letters_total").with(labels);
    const isCurrent = (): boolean => partitions.get(nameOf(source)) === created;
    const created: Partition = createPartition(where, {
      ...(deps.role.kind === "leads"
        ? { epochLog: deps.role.epochs }
        : { gate: deps.role.gates.of(source, where, isCurrent) }),
      finality,
      filters: deps.filters,
      epochs,
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
    async stop() {
      await consumer.stop();
      if (deps.role.kind === "follows") deps.role.gates.reset();
    },
    problems: () => [...standstills.values()],
  };
}

function nameOf({ topic, partition }: TopicPartition): string {
  return `${topic}:${partition}`;
}
