import { clickHouseReaders } from "@ethhook/topology";
import { startReceiver, type Receiver } from "../demo/receiver.ts";
import { createTransfers, type Transfers } from "../demo/transfers.ts";
import { raceAbort } from "./abort.ts";
import { chainVariable } from "./chains.ts";
import { blockTimeSeconds, layFoundation, type Foundation, type FoundationOptions } from "./foundation.ts";
import { startMonitoring } from "./monitoring.ts";
import { createObserver, type Observer } from "./observer.ts";
import { createPipeline, type Pipeline } from "./pipeline.ts";
import { createRows, type Rows } from "./rows.ts";
import { subscribe, type Subscriptions } from "./subscriptions.ts";
import { createTally, type Tally } from "./tally.ts";

export interface SessionOptions extends FoundationOptions {
  /** Transfers per second on each demo chain. */
  readonly transfersPerSecond: number;
}

/** Everything that runs, from the engines to the demo receiver. */
export interface Session extends Foundation {
  readonly startedAtMs: number;
  readonly pipeline: Pipeline;
  readonly observer: Observer;
  readonly tally: Tally;
  readonly receiver: Receiver;
  readonly rows: Rows;
  readonly subscriptions: Subscriptions;
  /** By chain id; only demo chains have one. */
  readonly transfers: ReadonlyMap<number, Transfers>;
  /** Resolves with a sentence when the session cannot go on. */
  readonly broken: Promise<string>;
}

/**
 * Brings everything up, and lets the transfers begin. Endpoints stand before the matcher starts and the matcher before the first
 * transfer, so that every log finds them and no latency is measured of a service that was still starting.
 * What is started is put on `stack`, to be ended in the opposite order.
 */
export async function openSession(options: SessionOptions, stack: AsyncDisposableStack): Promise<Session> {
  const startedAtMs = Date.now();
  const foundation = await layFoundation(options, stack);
  const { chains, settings, topology, kafka } = foundation;
  const { promise: broken, resolve: breakWith } = Promise.withResolvers<string>();
  const onError = (error: Error): void => breakWith(error.message);
  void foundation.engines.ended.then(breakWith);
  const endpointIds = new Set<string>();
  const tally = createTally(topology.chains, startedAtMs, (id) => endpointIds.has(id));
  const receiver = await startReceiver(({ webhookId, receivedAtMs }) =>
    tally.received(webhookId, receivedAtMs),
  );
  stack.defer(() => receiver.stop());
  const transfers = await demoTransfers(options, foundation, onError);
  const pipeline = createPipeline({
    env: { NODE_COMPILE_CACHE: options.folder.compileCache, ...settings },
    ports: foundation.ports,
    logsFolder: options.folder.logs,
    onNotice: options.reporter.notice,
  });
  stack.defer(() => pipeline.stopAll());
  void pipeline.died.then(breakWith);
  const observer = createObserver(kafka, topology, tally, onError);
  stack.defer(() => observer.stop());
  const tables = clickHouseReaders(topology.topics).map(({ table }) => table);
  const rows = createRows(settings.CLICKHOUSE_URL, settings.CLICKHOUSE_DATABASE, tables);
  stack.defer(() => rows.close());

  async function subscribeAndMatch(): Promise<Subscriptions> {
    const { url } = await pipeline.start("api");
    const tokens = new Map([...transfers].map(([id, { token }]) => [id, token]));
    const made = await subscribe(url, settings.ADMIN_KEY, chains, tokens, receiver);
    for (const id of made.endpoints.values()) endpointIds.add(id);
    await pipeline.start("matcher");
    return made;
  }

  options.reporter.step("Starting api, ingestor, matcher and delivery …");
  const starting = Promise.all([
    subscribeAndMatch(),
    pipeline.start("delivery"),
    pipeline.start("ingestor"),
    observer.start(),
  ]);
  const [subscriptions] = await raceAbort(starting, options.signal);
  await raceAbort(Promise.all([...transfers.values()].map((chain) => chain.start())), options.signal);
  if (options.prometheus) {
    const { folder, reporter } = options;
    const url = await raceAbort(startMonitoring(foundation, folder, reporter.notice, stack), options.signal);
    reporter.notice(`Prometheus: ${url}/targets, ${url}/alerts`);
  }
  const parts = { pipeline, observer, tally, receiver, rows, subscriptions, transfers };
  return { ...foundation, ...parts, startedAtMs, broken };
}

async function demoTransfers(
  { transfersPerSecond }: SessionOptions,
  { chains, engines }: Foundation,
  onError: (error: Error) => void,
): Promise<ReadonlyMap<number, Transfers>> {
  const tickMs = blockTimeSeconds * 1_000;
  const transfersPerTick = Math.max(1, Math.round(transfersPerSecond * blockTimeSeconds));
  const demos = chains.filter(({ source }) => source === "demo");
  const made = await Promise.all(
    demos.map(async ({ chain }) => {
      const url = engines.variables[chainVariable(chain, "HTTP_URL")] ?? "";
      return [chain.id, await createTransfers({ url, transfersPerTick, tickMs, onError })] as const;
    }),
  );
  return new Map(made);
}
