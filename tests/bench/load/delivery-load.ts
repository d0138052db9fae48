import { percentile } from "../frame/statistics.ts";
import type { WriteDeliveries, WrittenDeliveries } from "./delivery-writer.ts";
import type { Collect, Collected, Mood } from "./receiver.ts";
import type { Worker } from "./worker.ts";

/** How long after the last write a POST may still come before it counts as lost. */
const patienceMs = 20_000;
/** The same, for what had to wait in Postgres: a breaker may be open for a minute. */
const backlogPatienceMs = 180_000;

/** Endpoints with an id and the path at which the receiver hears of them. */
export interface Endpoints {
  readonly ids: readonly string[];
  readonly paths: readonly string[];
}

/** Deliveries in the topic on one side, POSTs at the receiver on the other. */
export interface DeliveryLoad {
  /** All at once. @returns how long it took from the first POST to the last. */
  burst(topic: string, endpoints: Endpoints, deliveries: number): Promise<Figures & { seconds: number }>;
  /** At a steady rate, while the first `hanging` endpoints give no answer: the latency of the others. */
  steady(load: Steady): Promise<Figures>;
  /** Every endpoint answers 503 while deliveries come, then all are well. */
  outage(load: Omit<Steady, "hanging">): Promise<Figures & { drainSeconds: number }>;
}

export interface Steady {
  readonly topic: string;
  readonly endpoints: Endpoints;
  readonly perSecond: number;
  readonly seconds: number;
  readonly hanging: number;
}

export interface Figures {
  readonly [name: string]: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly lost: number;
  readonly repeated: number;
}

export function createDeliveryLoad(writer: Worker, receiver: Worker): DeliveryLoad {
  let written = 0;

  async function write(
    topic: string,
    { ids }: Endpoints,
    deliveries: number,
    perSecond: number | null,
  ): Promise<ReadonlyMap<string, number>> {
    // Each write begins with the first endpoint.
    const first = Math.ceil(written / ids.length) * ids.length + ids.length;
    written = first + deliveries;
    const request: WriteDeliveries = { topic, endpointIds: ids, deliveries, perSecond, first };
    return (await writer.ask<WrittenDeliveries>(request)).ackedMs;
  }

  const mood = (change: Partial<Mood>): Promise<void> =>
    receiver.ask({ status: 200, hanging: [], ...change } satisfies Mood);

  const collect = (eventIds: readonly string[], withinMs: number): Promise<Collected> =>
    receiver.ask({ eventIds, withinMs } satisfies Collect);

  return {
    async burst(topic, endpoints, deliveries) {
      const ackedMs = await write(topic, endpoints, deliveries, null);
      const ids = [...ackedMs.keys()];
      const collected = await collect(ids, patienceMs);
      const atMs = [...collected.receivedMs.values()].toSorted((a, b) => a - b);
      const seconds = ((atMs.at(-1) ?? 0) - (atMs[0] ?? 0)) / 1000;
      return { ...figures(ids, ackedMs, collected), seconds };
    },
    async steady({ topic, endpoints, perSecond, seconds, hanging }) {
      await mood({ hanging: endpoints.paths.slice(0, hanging) });
      const ackedMs = await write(topic, endpoints, perSecond * seconds, perSecond);
      const hangs = (index: number): boolean => index % endpoints.ids.length < hanging;
      const ids = [...ackedMs.keys()];
      const others = ids.filter((_, index) => !hangs(index));
      const collected = await collect(others, patienceMs);
      await mood({});
      const late = ids.filter((_, index) => hangs(index));
      const caughtUp = await collect(late, backlogPatienceMs);
      const ofOthers = figures(others, ackedMs, collected);
      const missing = late.filter((id) => !caughtUp.receivedMs.has(id)).length;
      return { ...ofOthers, lost: ofOthers.lost + missing };
    },
    async outage({ topic, endpoints, perSecond, seconds }) {
      await mood({ status: 503 });
      const ackedMs = await write(topic, endpoints, perSecond * seconds, perSecond);
      await mood({});
      const startedMs = performance.now();
      const ids = [...ackedMs.keys()];
      const collected = await collect(ids, backlogPatienceMs);
      const drainSeconds = (performance.now() - startedMs) / 1000;
      return { ...figures(ids, ackedMs, collected), drainSeconds };
    },
  };
}

function figures(
  ids: readonly string[],
  ackedMs: ReadonlyMap<string, number>,
  { receivedMs, repeated }: Collected,
): Figures {
  const latencies: number[] = [];
  for (const id of ids) {
    const atMs = receivedMs.get(id);
    if (atMs !== undefined) latencies.push(atMs - (ackedMs.get(id) ?? Number.NaN));
  }
  if (latencies.length === 0)
    throw new Error(`none of ${ids.length} deliveries became a POST: the path is broken`);
  latencies.sort((a, b) => a - b);
  const lost = ids.length - latencies.length;
  return { p50Ms: percentile(latencies, 50), p99Ms: percentile(latencies, 99), lost, repeated };
}
