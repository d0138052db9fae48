import type { Logger } from "@ethhook/kit";
import type { ChainSettings } from "../config.ts";
import { backoffMs } from "../core/backoff.ts";
import type { Clock } from "../core/clock.ts";
import { createBudget } from "../core/rpc/budget.ts";
import { createProvider, type Provider } from "../core/rpc/provider.ts";
import type { RpcError } from "../core/rpc/rpc-error.ts";
import { createHttpJsonRpc } from "./http-json-rpc.ts";
import type { Network } from "./network.ts";
import { createOpossumBreaker } from "./opossum-breaker.ts";
import { createWsJsonRpc } from "./ws-json-rpc.ts";

export interface ProvidersDeps {
  readonly clock: Clock;
  readonly network: Network;
  readonly logger: Logger;
  readonly onFailure: (provider: string, error: RpcError, method: string) => void;
}

const requestTimeoutMs = 15_000;
const probeIntervalMs = 10_000;

/** Every provider of a chain's settings. Each has a breaker and a budget of its own, and starts nothing. */
export function createProviders(settings: ChainSettings, deps: ProvidersDeps): readonly Provider[] {
  const { clock, network, logger, onFailure } = deps;
  const names = new Map<string, number>();

  function make(url: string, kind: "ws" | "http"): Provider {
    const name = uniqueName(new URL(url).host, names);
    const transport =
      kind === "ws"
        ? createWsJsonRpc({
            url,
            name,
            requestTimeoutMs,
            probeIntervalMs,
            reconnectDelayMs: (failures) => backoffMs(failures, clock.random()),
            network,
          })
        : createHttpJsonRpc({ url, name, requestTimeoutMs, network });
    const breaker = createOpossumBreaker({
      onOpen: () =>
        logger.warn(
          { event: "provider.circuit-opened", provider: name },
          `${name} fails: left alone for 10 s`,
        ),
      onClose: () =>
        logger.info({ event: "provider.circuit-closed", provider: name }, `${name} answers again`),
    });
    return createProvider({
      name,
      chainId: settings.chain.id,
      transport,
      breaker,
      budget: createBudget(settings.requestsPerSecond),
      clock,
      onFailure: (error, method) => onFailure(name, error, method),
    });
  }

  return [
    ...settings.wsUrls.map((url) => make(url, "ws")),
    ...settings.httpUrls.map((url) => make(url, "http")),
  ];
}

/** Two URLs of one host, or its socket and its HTTP address, are told apart by a number. */
function uniqueName(host: string, names: Map<string, number>): string {
  const count = (names.get(host) ?? 0) + 1;
  names.set(host, count);
  return count === 1 ? host : `${host}#${count}`;
}
