import { createIngestor } from "@ethhook/ingestor";
import { chainDefaults, type ChainSettings } from "@ethhook/ingestor/config";
import { createLogger, createMetrics, Registry } from "@ethhook/kit";
import type { MemoryBroker, MemoryClient } from "@ethhook/kit/testing";
import { metricCatalogue } from "@ethhook/topology";
import type { Chance } from "./chance.ts";
import { sabotaged } from "./sabotage.ts";
import type { Sabotage, Scenario } from "./scenario.ts";
import type { VirtualTime } from "./virtual-time.ts";
import type { Wire } from "./wire.ts";

/** One ingestor process as its surroundings see it: what is inside is the product's own code. */
export interface SimProcess {
  readonly wire: Wire;
  readonly client: MemoryClient;
  isAlive(): boolean;
  /** What its readiness says against it. */
  notReady(): readonly string[];
  /** As SIGKILL. */
  kill(): void;
  /** As SIGTERM: resolves when it has ended. */
  stop(): Promise<void>;
}

export interface ProcessDeps {
  readonly scenario: Scenario;
  readonly time: VirtualTime;
  readonly chance: Chance;
  readonly broker: MemoryBroker;
  readonly makeWire: () => Wire;
  readonly sabotage: Sabotage | undefined;
  readonly logLevel: string;
}

export function startProcess(name: string, deps: ProcessDeps): SimProcess {
  const { scenario, time, chance } = deps;
  const client = deps.broker.client();
  const wire = deps.makeWire();
  let state: "alive" | "stopping" | "dead" = "alive";
  const never = new Promise<never>(() => undefined);
  const ingestor = createIngestor([settingsOf(scenario, deps.sabotage)], {
    broker: sabotaged(client, name, deps.sabotage),
    logger: createLogger({ name, level: deps.logLevel }),
    metrics: createMetrics(metricCatalogue, new Registry()),
    now: time.now,
    network: wire,
    clock: {
      now: time.now,
      random: chance.next,
      sleep: async (delayMs, signal) => {
        await time.sleep(delayMs, signal);
        if (state === "dead") await never;
      },
    },
  });
  void ingestor.start();

  function kill(): void {
    if (state === "dead") return;
    state = "dead";
    wire.cut();
    client.kill();
  }

  return {
    wire,
    client,
    isAlive: () => state === "alive",
    notReady: () => ingestor.notReady(),
    kill,
    async stop() {
      if (state !== "alive") return;
      state = "stopping";
      // Whoever does not end in time is killed.
      await Promise.race([ingestor.stop(10_000), time.sleep(10_000)]);
      kill();
    },
  };
}

function settingsOf(scenario: Scenario, sabotage: Sabotage | undefined): ChainSettings {
  const { chain, nodes, startBlock, proof, requestsPerSecond, fetchAhead } = scenario;
  const urlsOf = (kind: "ws" | "http") =>
    nodes.filter((node) => node.kind === kind).map((node) => `${kind}://${node.name}/key`);
  return {
    ...chainDefaults,
    chain,
    wsUrls: urlsOf("ws"),
    httpUrls: urlsOf("http"),
    startBlock,
    proof,
    requestsPerSecond,
    fetchAhead,
    checks: {
      "header-hash": scenario.headerHash,
      "receipts-root": proof === "receipts" ? "enforce" : "off",
      ...(sabotage === "publishes without proof" ? { bloom: "off" } : {}),
    },
  };
}
