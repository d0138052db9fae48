import type { Chain } from "@ethhook/topology";

type Env = Readonly<Record<string, string | undefined>>;

/** A chain of this session: at the providers that the environment names, or played by a local node. */
export interface SessionChain {
  readonly chain: Chain;
  readonly source: "demo" | "given";
}

/** `ETHEREUM_WS_URL`: a variable of one chain. Its WS_URL names providers, and so keeps the demo node from being started. */
export function chainVariable(chain: Pick<Chain, "name">, what: "WS_URL" | "HTTP_URL" | "PORT"): string {
  return `${chain.name.toUpperCase().replaceAll("-", "_")}_${what}`;
}

export function sessionChains(chains: readonly Chain[], env: Env): readonly SessionChain[] {
  return chains.map((chain) => ({ chain, source: env[chainVariable(chain, "WS_URL")] ? "given" : "demo" }));
}
