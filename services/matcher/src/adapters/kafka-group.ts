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
  /** By chain, what has reached this group's finality and is not matched yet; none for `latest`. */
  eligible(): readonly EligibleLag[];
  /** Partitions at a standstill, in words. */
  problems(): readonly string[];
}

export interface EligibleLag {
  /** Lower-case name of the chain. */
  readonly chain: string;
  /** Logs of final blocks from the first one on that has a log to be matched here: an upper bound. */
  readonly logs: number;
  /** How long ago that block became final; 0 when there is none. */
  readonly seconds: number;
}

export function createKafkaGroup(deps: KafkaGroupDeps): KafkaGroup {
  const { consumer, logger, topology, groupId, finality } = deps;
  const chains = new Map(topology.chains.map((chain) => [topology.logs.of(chain.id).name, chain]));
  let partitions = new Map<string, Partition>();
  let places = new Map<string, LogPartition>();
  let standstills = new Map<string, string>();

  function partitionOf({ topic, partition }: TopicPartition): LogPartition | undefined {
    const chain = chains.get(topic);
    return chain === undefined ? undefined : { chainId: chain.id, chain: chain.name, partition };
  }

  async function onAssigned(assigned: readonly TopicPartition[]): Promise<void> {
    const given = assigned.flatMap((one) => {
      const where = partitionOf(one);
      return where === undefined ? [] : [{ one, where }];
    });
    const known = await epochsOf(given.map(({ where }) => where));
    const assignedAtMs = deps.now();
    standstills = new Map();
    places = new Map(given.map(({ one, where }) => [nameOf(one), where]));
    partitions = new Map(
      given.map(({ one, where }) => [
        nameOf(one),
        create(one, where, assignedAtMs, known.get(epochKey(where)) ?? createEpochs([])),
      ]),
    );
  }

  async function epochsOf(wanted: readonly LogPartition[]): Promise<ReadonlyMap<string, Epochs>> {
    const { role } = deps;
    if (role.kind === "leads") {
      const known = await role.epochs.claim(wanted);
      return new Map([...known].map(([key, epochs]) => [key, createEpochs(epochs)]));
    }
    role.gates.reset();
    return role.lead.follow(wanted);
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

  function eligible(): EligibleLag[] {
    const { role } = deps;
    if (role.kind === "leads") return [];
    const after = new Map<number, number>();
    for (const [name, partition] of partitions) {
      const chainId = places.get(name)?.chainId;
      const sequence = partition.waitsAfter();
      if (chainId === undefined || sequence === null) continue;
      after.set(chainId, Math.min(sequence, after.get(chainId) ?? sequence));
    }
    return [...chains.values()].map(({ id, name: chain }) => {
      const sequence = after.get(id);
      if (sequence === undefined) return { chain, logs: 0, seconds: 0 };
      const { logs, sinceMs } = role.gates.eligibleAfter(id, sequence);
      return { chain, logs, seconds: sinceMs === null ? 0 : Math.max(0, deps.now() - sinceMs) / 1_000 };
    });
  }

  return {
    groupId,
    eligible,
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
