import { createKafka, createLogger, type OutRecord } from "@ethhook/kit";
import { createPayloadWriter, eventId, type Attempt, type Delivery, type Log } from "@ethhook/schemas";
import { builtInChains, createTopology, toRecord } from "@ethhook/topology";
import { realBlocks, realLogs } from "../../support/real-logs.ts";
import { serve } from "../load/worker.ts";
import { attemptsOf, type BenchEndpoint } from "./attempts.ts";
import { moldOf, type BlockMold } from "./block-mold.ts";
import { createRandom, type Random } from "./random.ts";

export interface FillSettings {
  readonly brokers: readonly string[];
}

export interface Fill {
  readonly logs: number;
  /** Grouped by user; the first users have most of the traffic. */
  readonly endpoints: readonly (readonly BenchEndpoint[])[];
  readonly days: number;
  /** Of the newest webhooks so many stand in `deliveries`, with their bodies. */
  readonly deliveries: number;
}

export interface Filled {
  readonly logs: number;
  readonly attempts: number;
  readonly deliveries: number;
  /** JSON of all logs, and of all attempts, as it stands in the topics. */
  readonly logBytes: number;
  readonly attemptBytes: number;
  /** Unix milliseconds of the oldest webhook in `deliveries`. */
  readonly deliveriesFromMs: number;
  readonly seconds: number;
}

const dayMs = 86_400_000;
const topology = createTopology(builtInChains);

/** Three of the built-in chains; the blocks of Polygon, which is none of them, stand for Base. */
async function molds(): Promise<readonly BlockMold[]> {
  const [ethereum, , polygon, arbitrum] = realBlocks;
  return [
    moldOf(await realLogs(ethereum), 1),
    moldOf(await realLogs(polygon), 8453),
    moldOf(await realLogs(arbitrum), 42_161),
  ];
}

/** Users by Zipf's law, their endpoints alike. */
function picker(endpoints: Fill["endpoints"]): (random: Random) => BenchEndpoint {
  const weights = endpoints.map((_, rank) => 1 / (rank + 1));
  const table = weights.flatMap((weight, user) =>
    Array.from({ length: Math.ceil(weight * 200) }, () => user),
  );
  return (random) => {
    const own = endpoints[table[random.below(table.length)] ?? 0] ?? [];
    const one = own[random.below(own.length)];
    if (one === undefined) throw new RangeError("no endpoints");
    return one;
  };
}

function deliveryOf(log: Log, attempt: Attempt, chain: string): Delivery {
  const { webhookId, endpointId, applicationId, userId, startedAtMs } = attempt;
  const why = `address ${log.address}`;
  const body = createPayloadWriter(log, chain, "latest").standard({
    endpointId,
    event: null,
    filter: { version: 1, why },
  });
  const { chainId, blockNumber, blockHash, blockTimestamp, transactionHash, logIndex, seenAtMs } = log;
  const place = { chainId, blockNumber, blockHash, blockTimestamp, transactionHash, logIndex };
  return {
    v: 1,
    webhookId,
    eventId: eventId(log),
    kind: "new",
    endpointId,
    applicationId,
    userId,
    ...place,
    contract: log.address,
    sequence: log.sequence,
    addedSequence: log.addedSequence,
    finality: "latest",
    format: "standard",
    filterVersion: 1,
    why,
    body,
    seenAtMs,
    matchedAtMs: startedAtMs - 1,
    attemptsMade: 0,
    origin: "match",
  };
}

/** Writes logs and attempts of the last days into their topics, oldest first. */
await serve<FillSettings, Fill>(async ({ brokers }) => {
  const kafka = createKafka({
    brokers,
    clientId: "bench-fill",
    logger: createLogger({ name: "bench", level: "warn" }),
    writes: (name) => topology.topics.find((topic) => topic.name === name),
  });
  const producer = kafka.producer();
  await producer.start();
  const chains = new Map(builtInChains.map(({ id, name }) => [id, name]));

  async function fill({
    logs: wanted,
    endpoints,
    days,
    deliveries: wantedDeliveries,
  }: Fill): Promise<Filled> {
    const startedMs = performance.now();
    const random = createRandom("history");
    const pick = picker(endpoints);
    const all = await molds();
    const round = all.reduce((sum, mold) => sum + mold.logs, 0);
    const beginMs = Date.now() - days * dayMs;
    const stepMs = (days * dayMs * round) / wanted / all.length;
    const tail = wanted - wantedDeliveries / 1.4;
    const sums = {
      logs: 0,
      attempts: 0,
      deliveries: 0,
      logBytes: 0,
      attemptBytes: 0,
      deliveriesFromMs: Date.now(),
    };
    const note = (record: OutRecord, sum: "logBytes" | "attemptBytes"): OutRecord => {
      sums[sum] += record.value?.length ?? 0;
      return record;
    };
    for (let block = 0; sums.logs < wanted; block += 1) {
      const mold = all[block % all.length];
      if (mold === undefined) break;
      const seenAtMs = Math.floor(beginMs + block * stepMs);
      const logs = mold.cast({ number: 20_000_000 + block, seenAtMs }, random).slice(0, wanted - sums.logs);
      const records: OutRecord[] = [];
      for (const log of logs) {
        records.push(note(toRecord(topology.logs.of(log.chainId), log), "logBytes"));
        sums.logs += 1;
        for (const attempt of attemptsOf(log, pick, random)) {
          records.push(note(toRecord(topology.attempts, attempt), "attemptBytes"));
          sums.attempts += 1;
          if (sums.logs < tail || attempt.attempt > 1) continue;
          if (sums.deliveries === 0) sums.deliveriesFromMs = log.seenAtMs;
          records.push(
            toRecord(topology.deliveries, deliveryOf(log, attempt, chains.get(log.chainId) ?? "")),
          );
          sums.deliveries += 1;
        }
      }
      await producer.room();
      sending.add(producer.send(records));
      if (sending.size >= sendsMax) await settle();
    }
    await settle();
    return { ...sums, seconds: (performance.now() - startedMs) / 1_000 };
  }

  /** Writes under way; all are awaited together, so that a failed one ends the run. */
  const sending = new Set<Promise<void>>();
  const sendsMax = 64;
  async function settle(): Promise<void> {
    const all = [...sending];
    sending.clear();
    await Promise.all(all);
  }

  return { answer: fill, stop: () => producer.stop() };
});
