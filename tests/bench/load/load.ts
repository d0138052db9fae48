import { percentile } from "../frame/statistics.ts";
import type { Produce, ProduceBurst, Produced } from "../bare/log-producer.ts";
import type { Announce, Announced, ChainNodeSettings } from "./chain-node.ts";
import type { Collect, Collected } from "./receiver.ts";
import { startWorker } from "./worker.ts";

/** How long after the last log a POST may still come before it counts as lost. */
const patienceMs = 15_000;
const burstPatienceMs = 60_000;

export interface Load extends AsyncDisposable {
  /** Where the receiver listens. */
  readonly url: string;
  readonly processes: Readonly<Record<string, number>>;
  /** Writes logs at a steady rate and waits for their POSTs. @returns latencies in ms, and how many were lost or repeated. */
  run(what: Omit<Produce, "firstBlock">): Promise<Readonly<Record<string, number>>>;
  /** Writes logs all at once and waits for their POSTs. @returns also `seconds`, from the first write to the last POST. */
  burst(
    topic: string,
    logs: number,
  ): Promise<Readonly<Record<string, number>> & { readonly seconds: number }>;
  /** A node whose blocks enter the path at its very beginning, with the same receiver at its end. */
  chain(settings: ChainNodeSettings): Promise<ChainLoad>;
}

/** A chain of our own making. */
export interface ChainLoad extends AsyncDisposable {
  /** WebSocket URL of its node. */
  readonly url: string;
  readonly processes: Readonly<Record<string, number>>;
  /** Announces blocks at a steady pace and waits for the POSTs of their logs. */
  run(what: Announce): Promise<Readonly<Record<string, number>>>;
}

/** Both ends of the path, each in its own process: a writer of logs and a receiver of webhooks, on the loopback only. */
export async function createLoad(settings: {
  readonly brokers: readonly string[];
  readonly addresses: readonly string[];
  /** Topics to create first, with their partitions. */
  readonly topics: Readonly<Record<string, number>>;
}): Promise<Load> {
  await using started = new AsyncDisposableStack();
  const producer = started.use(
    await startWorker(new URL("../bare/log-producer.ts", import.meta.url), settings),
  );
  const receiver = started.use(await startWorker(new URL("receiver.ts", import.meta.url), { port: 0 }));
  const port = await receiver.ask<number>({ port: true });
  const stack = started.move();
  let firstBlock = 1;

  return {
    url: `http://127.0.0.1:${port}`,
    processes: { producer: producer.pid, receiver: receiver.pid },
    async run(what) {
      const request: Produce = { ...what, firstBlock };
      const { ackedMs, nextBlock, seconds } = await producer.ask<Produced>(request);
      firstBlock = nextBlock;
      const collect: Collect = { eventIds: [...ackedMs.keys()], withinMs: patienceMs };
      const collected = await receiver.ask<Collected>(collect);
      return { ...figures(ackedMs, collected), writtenPerSecond: ackedMs.size / seconds };
    },
    async burst(topic, logs) {
      const request: ProduceBurst = { topic, logs, firstBlock };
      const { ackedMs, nextBlock, seconds: writing } = await producer.ask<Produced>(request);
      firstBlock = nextBlock;
      const collect: Collect = { eventIds: [...ackedMs.keys()], withinMs: burstPatienceMs };
      const collected = await receiver.ask<Collected>(collect);
      const latest = [...collected.receivedMs.values()].reduce((a, b) => Math.max(a, b), 0);
      const lastAckedMs = [...ackedMs.values()].at(-1) ?? 0;
      const seconds = (latest - lastAckedMs) / 1000 + writing;
      return { ...figures(ackedMs, collected), seconds, writtenPerSecond: ackedMs.size / writing };
    },
    async chain(settings) {
      const node = await startWorker(new URL("chain-node.ts", import.meta.url), settings);
      return {
        url: await node.ask<string>({ url: true }),
        processes: { chain: node.pid, receiver: receiver.pid },
        async run(what) {
          const { announcedMs } = await node.ask<Announced>(what);
          const collect: Collect = { eventIds: [...announcedMs.keys()], withinMs: patienceMs };
          return figures(announcedMs, await receiver.ask<Collected>(collect));
        },
        [Symbol.asyncDispose]: () => node[Symbol.asyncDispose](),
      };
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** @param beganMs event id → when its way began. */
function figures(beganMs: ReadonlyMap<string, number>, { receivedMs, repeated }: Collected) {
  const latencies: number[] = [];
  for (const [id, atMs] of beganMs) {
    const received = receivedMs.get(id);
    if (received !== undefined) latencies.push(received - atMs);
  }
  latencies.sort((a, b) => a - b);
  const lost = beganMs.size - latencies.length;
  if (latencies.length === 0)
    throw new Error(`none of ${beganMs.size} logs became a POST: the path is broken`);
  return {
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
    maxMs: percentile(latencies, 100),
    logs: beganMs.size,
    lost,
    repeated,
  };
}
