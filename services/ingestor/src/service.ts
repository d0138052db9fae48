import { setTimeout as delay } from "node:timers/promises";
import type { Broker, Service, ServiceDeps } from "@ethhook/kit";
import { createTopology, type Topology } from "@ethhook/topology";
import { createKafkaLeadership } from "./adapters/kafka-leadership.ts";
import { createKafkaLedger } from "./adapters/kafka-ledger.ts";
import { createObserver } from "./adapters/metrics-observer.ts";
import { type Network, realNetwork } from "./adapters/network.ts";
import { createProviders } from "./adapters/providers.ts";
import { collectStatus } from "./adapters/metrics-status.ts";
import { createChainService, type ChainService } from "./chain-service.ts";
import { type ChainSettings, prefixOf } from "./config.ts";
import { createChainLoop } from "./core/chain-loop.ts";
import type { Clock } from "./core/clock.ts";
import { createHeads } from "./core/heads.ts";
import { checksOf } from "./core/proof/checks.ts";
import { createBlockReader } from "./core/rpc/block-reader.ts";
import { createBlockSource } from "./core/rpc/block-source.ts";
import { createProviderPool } from "./core/rpc/provider-pool.ts";

export interface IngestorDeps extends ServiceDeps {
  readonly broker: Pick<Broker, "transactionalProducer" | "reader" | "consumer">;
  /** Default: the real one. */
  readonly clock?: Clock;
  /** Default: the real one. */
  readonly network?: Network;
}

export type { Clock, Network };

/** Follows every chain that has a provider, each alone, and publishes its logs with the ledger. */
export function createIngestor(settings: readonly ChainSettings[], deps: IngestorDeps): Service {
  const topology = createTopology(settings.map(({ chain }) => chain));
  const run = settings.filter(({ wsUrls, httpUrls }) => wsUrls.length + httpUrls.length > 0);
  const chains = run.map((one) => assemble(one, topology, deps));
  collectStatus(() => chains.map((chain) => chain.status()), deps);

  return {
    crashed: Promise.race(chains.map((chain) => chain.crashed)),
    notReady: () => [
      ...(chains.length === 0 ? ["no chain has a provider: set <CHAIN>_WS_URL"] : []),
      ...chains.flatMap((chain) => chain.notReady()),
    ],
    async start() {
      for (const { chain } of settings.filter((one) => !run.includes(one))) {
        deps.logger.info(
          { event: "chain.skipped", chain: chain.name },
          `${chain.name} is not run: ${prefixOf(chain)}_WS_URL is not set`,
        );
      }
      await Promise.all(chains.map((chain) => chain.start()));
    },
    async stop(budgetMs) {
      await Promise.all(chains.map((chain) => chain.stop(budgetMs)));
    },
  };
}

/** Three block times; less than two seconds would call every hiccup of a fast chain a failure. */
function staleAfterMs(blockTimeMs: number): number {
  return Math.max(3 * blockTimeMs, 2_000);
}

function realClock(now: () => number): Clock {
  return {
    now,
    random: Math.random,
    sleep: (delayMs, signal) =>
      delay(delayMs, undefined, signal ? { signal } : undefined).catch(() => undefined),
  };
}

/** Wires one chain's core to its adapters. */
function assemble(settings: ChainSettings, topology: Topology, deps: IngestorDeps): ChainService {
  const { chain } = settings;
  const { blockTimeMs } = chain;
  const logger = deps.logger.child({ chain: chain.name });
  const clock = deps.clock ?? realClock(deps.now);
  const observer = createObserver({ chain, logger, metrics: deps.metrics, now: deps.now });
  const providers = createProviders(settings, {
    clock,
    network: deps.network ?? realNetwork,
    logger,
    onFailure: observer.failed,
  });
  const announcers = providers.filter(({ kind }) => kind === "ws");
  const heads = createHeads({
    staleAfterMs: staleAfterMs(blockTimeMs),
    announcers: announcers.map(({ name }) => name),
    startedAtMs: deps.now(),
  });
  const pool = createProviderPool({
    providers,
    isStale: (name) => heads.isStale(name, deps.now()),
    clock,
  });
  const reader = createBlockReader({
    checks: checksOf(chain.id, settings.checks),
    proof: settings.proof,
    onCheck: observer.checked,
  });
  const source = createBlockSource({ pool, reader, clock, fetchAhead: settings.fetchAhead });
  const loop = createChainLoop({
    source,
    heads,
    clock,
    isAnnounced: () => announcers.some(({ transport }) => transport.isUp()),
    isConnected: () => providers.some(({ transport }) => transport.isUp()),
    pollMs: Math.min(Math.max(blockTimeMs / 4, 500), 3_000),
    finalityMs: Math.max(blockTimeMs, 5_000),
    rebuild: (name, reason) =>
      providers.find((provider) => provider.name === name)?.transport.rebuild(reason),
    onSourceFailure: observer.sourceFailed,
  });
  return createChainService({
    name: chain.name,
    chain,
    startBlock: settings.startBlock,
    source,
    ledger: createKafkaLedger({ broker: deps.broker, topology, chain }),
    observer,
    now: deps.now,
    providers,
    heads,
    loop,
    leadership: createKafkaLeadership({
      broker: deps.broker,
      ledger: { topic: topology.blocks.name, partition: chain.ledgerPartition },
      chain: chain.name,
      clock,
      logger,
    }),
    onLead: observer.leads,
    clock,
    logger,
    headAgeMaxMs: Math.max(10 * blockTimeMs, 30_000),
  });
}
