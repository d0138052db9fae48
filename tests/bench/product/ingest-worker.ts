import {
  type Broker,
  createKafka,
  createLogger,
  createMetrics,
  loadConfig,
  type OutRecord,
  Registry,
} from "@ethhook/kit";
import { createIngestor } from "@ethhook/ingestor";
import { chainSettings, ingestorVariables } from "@ethhook/ingestor/config";
import type { Block } from "@ethhook/schemas";
import { createTopology, metricCatalogue } from "@ethhook/topology";
import { monotonicMs } from "../load/clock.ts";
import { serve } from "../load/worker.ts";

export interface IngestWorkerSettings {
  readonly brokers: readonly string[];
  /** Variables of the ingestor beside KAFKA_BROKERS. */
  readonly env: Readonly<Record<string, string>>;
}

export type IngestRequest =
  /** Follows the chain until this block is acknowledged, then stops. */
  | { readonly kind: "drain"; readonly until: number }
  /** Resolves when this block is acknowledged; goes on. */
  | { readonly kind: "start"; readonly until: number }
  /** Waits for this block, and stops. */
  | { readonly kind: "stop"; readonly until: number };

export interface Drained {
  readonly logs: number;
  /** From the first acknowledged transaction to the last one. */
  readonly seconds: number;
  /** Of all of it, start and election included. */
  readonly cpuSeconds: number;
  /** Block hash → monotonic milliseconds when its transaction was acknowledged. */
  readonly ackedMs: ReadonlyMap<string, number>;
  /** How long each transaction took, in milliseconds. */
  readonly transactionMs: readonly number[];
}

const logger = createLogger({ name: "bench", level: process.env["LOG_LEVEL"] ?? "error" });

/** The product's ingestor in a process of its own, with every transaction's acknowledgement noted. */
await serve<IngestWorkerSettings, IngestRequest>(async (settings) => {
  const { brokers } = settings;
  const env = { ...settings.env, KAFKA_BROKERS: brokers.join(",") };
  const config = loadConfig(ingestorVariables(env), env);
  const topics = new Map(createTopology(config.CHAINS_EXTRA).topics.map((topic) => [topic.name, topic]));
  let running: Run | undefined;

  function start(): Run {
    const metrics = createMetrics(metricCatalogue, new Registry());
    const broker = createKafka({
      brokers,
      clientId: "ingestor",
      logger,
      metrics,
      writes: (topic) => topics.get(topic),
    });
    const acks = createAcks();
    const cpu = process.cpuUsage();
    const ingestor = createIngestor(chainSettings(config), {
      broker: acks.watch(broker),
      logger,
      metrics,
      now: Date.now,
    });
    return { acks, cpu, started: ingestor.start(), stop: () => ingestor.stop(10_000) };
  }

  async function finish({ acks, cpu, started, stop }: Run, until: number): Promise<Drained> {
    await started;
    await acks.reached(until);
    const { user, system } = process.cpuUsage(cpu);
    await stop();
    return { ...acks.figures(), cpuSeconds: (user + system) / 1e6 };
  }

  async function answer(request: IngestRequest): Promise<Drained | undefined> {
    if (request.kind === "drain") return finish(start(), request.until);
    if (request.kind === "start") {
      running = start();
      await running.started;
      await running.acks.reached(request.until);
      return undefined;
    }
    const stopping = running;
    running = undefined;
    return stopping && finish(stopping, request.until);
  }

  return { answer, stop: async () => running?.stop() };
});

interface Run {
  readonly acks: ReturnType<typeof createAcks>;
  readonly cpu: NodeJS.CpuUsage;
  readonly started: Promise<void>;
  stop(): Promise<void>;
}

/** Notes when each block's transaction was acknowledged, by its ledger records as they pass. */
function createAcks() {
  const ackedMs = new Map<string, number>();
  const transactionMs: number[] = [];
  const waiting = new Map<number, () => void>();
  let highest = 0;
  let logs = 0;
  let firstMs: number | undefined;
  let lastMs = 0;

  function note(blocks: readonly Block[], beganMs: number): void {
    const atMs = monotonicMs();
    transactionMs.push(atMs - beganMs);
    firstMs ??= atMs;
    lastMs = atMs;
    for (const block of blocks) {
      if (block.kind !== "added") continue;
      ackedMs.set(block.hash, atMs);
      logs += block.logCount;
      highest = Math.max(highest, block.number);
    }
    for (const [until, resolve] of waiting) if (highest >= until) resolve();
  }

  return {
    watch: (broker: Broker): Broker => ({
      ...broker,
      transactionalProducer(id, options) {
        const producer = broker.transactionalProducer(id, options);
        return {
          ...producer,
          async transact(records, expected) {
            const blocks: Block[] = [];
            const beganMs = monotonicMs();
            await producer.transact(watched(records, blocks), expected);
            note(blocks, beganMs);
          },
        };
      },
    }),
    reached: (until: number): Promise<void> =>
      highest >= until ? Promise.resolve() : new Promise((resolve) => waiting.set(until, resolve)),
    figures: () => ({ ackedMs, transactionMs, logs, seconds: (lastMs - (firstMs ?? lastMs)) / 1000 }),
  };
}

function* watched(records: Iterable<OutRecord>, blocks: Block[]): Generator<OutRecord> {
  for (const record of records) {
    if (record.topic === "blocks") blocks.push(JSON.parse(String(record.value)) as Block);
    yield record;
  }
}
