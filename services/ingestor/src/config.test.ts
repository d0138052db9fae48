import { loadConfig } from "@ethhook/kit";
import { describe, expect, test } from "vitest";
import { chainSettings, ingestorVariables } from "./config.ts";

const settingsOf = (env: Record<string, string>) => chainSettings(loadConfig(ingestorVariables(env), env));
const sonic = {
  id: 146,
  name: "sonic",
  blockTimeMs: 400,
  confirmedDepth: 10,
  finality: { kind: "depth", depth: 20 },
  ledgerPartition: 7,
};

describe("settings of chains", () => {
  test("without any variable the four chains are there and none has a provider", () => {
    const settings = settingsOf({});
    expect(settings.map(({ chain }) => chain.name)).toEqual(["ethereum", "arbitrum", "optimism", "base"]);
    expect(settings.flatMap(({ wsUrls, httpUrls }) => [...wsUrls, ...httpUrls])).toEqual([]);
  });

  test("several providers are a comma list", () => {
    const [ethereum] = settingsOf({
      ETHEREUM_WS_URL: "wss://a.example/key, wss://b.example",
      ETHEREUM_HTTP_URL: "https://c.example",
      ETHEREUM_START_BLOCK: "18000000",
      ETHEREUM_PROOF: "receipts",
      ETHEREUM_REQUESTS_PER_SECOND: "25",
      ETHEREUM_CHECKS: "bloom:observe, header-hash:enforce",
    });
    expect(ethereum).toMatchObject({
      wsUrls: ["wss://a.example/key", "wss://b.example"],
      httpUrls: ["https://c.example"],
      startBlock: 18_000_000,
      proof: "receipts",
      requestsPerSecond: 25,
      checks: { bloom: "observe", "header-hash": "enforce" },
    });
  });

  test("proven is a mode of header-hash alone", () => {
    const [ethereum] = settingsOf({ ETHEREUM_CHECKS: "header-hash:proven" });
    expect(ethereum?.checks).toEqual({ "header-hash": "proven" });
    expect(() => settingsOf({ ETHEREUM_CHECKS: "bloom:proven" })).toThrow("no check and mode");
  });

  test("any further EVM chain needs no code", () => {
    const env = { CHAINS_EXTRA: JSON.stringify([sonic]), SONIC_WS_URL: "ws://127.0.0.1:8545" };
    expect(settingsOf(env).at(-1)).toMatchObject({ chain: sonic, wsUrls: ["ws://127.0.0.1:8545"] });
  });
});

describe("wrong settings are named together", () => {
  const problemsOf = (env: Record<string, string>): string => {
    try {
      settingsOf(env);
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };

  test("each with its variable and what to do", () => {
    const problems = problemsOf({
      ETHEREUM_WS_URL: "https://a.example",
      BASE_HTTP_URL: "http://b.example",
      ARBITRUM_PROOF: "receipts",
      OPTIMISM_CHECKS: "bloom:maybe",
      OPTIMISM_START_BLOCK: "soon",
      CHAINS_EXTRA: JSON.stringify([{ ...sonic, id: 1 }]),
    });
    expect(problems).toContain("ETHEREUM_WS_URL=(hidden): URL 1 must start with ws:// or wss://");
    expect(problems).toContain("BASE_HTTP_URL=(hidden): URL 1 is not encrypted: use https://");
    expect(problems).toContain("ARBITRUM_CHECKS=receipts-root:enforce");
    expect(problems).toContain('"bloom:maybe" is no check and mode');
    expect(problems).toContain("expected a block number, or latest");
    expect(problems).toContain("ethereum and sonic share id 1");
  });

  test("a URL is never printed: its path often is a key", () => {
    expect(problemsOf({ ETHEREUM_WS_URL: "http://a.example/secret-key" })).not.toContain("secret-key");
  });

  test("plain connections are for this machine, or for those who ask for them", () => {
    expect(problemsOf({ ETHEREUM_WS_URL: "ws://localhost:8545,ws://127.0.0.2:1,ws://[::1]:1" })).toBe("");
    expect(problemsOf({ ETHEREUM_WS_URL: "ws://node.internal:8546" })).toContain("ALLOW_INSECURE_RPC=true");
    expect(problemsOf({ ETHEREUM_WS_URL: "ws://node.internal:8546", ALLOW_INSECURE_RPC: "true" })).toBe("");
  });
});
