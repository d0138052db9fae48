import { describe, expect, test } from "vitest";
import { createFakeClock } from "../../testing/fake-clock.ts";
import { createBudget } from "./budget.ts";
import { createProvider, type Breaker, type Provider } from "./provider.ts";
import { createProviderPool } from "./provider-pool.ts";
import { RpcError } from "./rpc-error.ts";
import type { RpcTransport } from "./transport.ts";

const clock = createFakeClock();

interface Setup {
  readonly name: string;
  readonly answer?: (method: string) => unknown;
  readonly isUp?: boolean;
  readonly isOpen?: boolean;
  readonly latencyMs?: number;
  readonly perSecond?: number;
  readonly chainId?: string;
}

function makePool(setups: readonly Setup[], stale: readonly string[] = []) {
  const asked: string[] = [];
  const failures: string[] = [];
  const providers = setups.map((setup) => {
    const { name, answer, isUp = true, isOpen = false, latencyMs = 5, perSecond, chainId = "0x1" } = setup;
    const transport: RpcTransport = {
      kind: "ws",
      isUp: () => isUp,
      async request(method) {
        if (method === "eth_chainId") return chainId;
        asked.push(name);
        clock.advance(latencyMs);
        return answer ? answer(method) : name;
      },
      start: () => {},
      stop: () => {},
      rebuild: () => {},
    };
    const breaker: Breaker = { fire: (work) => work(), isOpen: () => isOpen };
    return createProvider({
      name,
      chainId: 1,
      transport,
      breaker,
      budget: createBudget(perSecond ?? null),
      clock,
      onFailure: (error) => failures.push(`${name} ${error.failure}`),
    });
  });
  const pool = createProviderPool({ providers, isStale: (name) => stale.includes(name), clock });
  const ask = (options = {}) => pool.ask((request) => request("eth_call", []), options);
  return { pool, ask, asked, failures };
}

const fails = (failure: "network" | "rate-limited", retryAfterMs?: number) => () => {
  throw new RpcError(failure, failure, { retryAfterMs });
};

describe("who is asked first", () => {
  test("the one that announced the block; else the faster one, once latencies are known", async () => {
    const { ask } = makePool([
      { name: "slow", latencyMs: 300 },
      { name: "fast", latencyMs: 30 },
    ]);
    expect(await ask({ prefer: "fast" })).toBe("fast");
    expect(await ask({ prefer: "slow" })).toBe("slow");
    expect(await ask()).toBe("fast");
  });

  test("not one that is stale, disconnected, behind an open breaker, or failed this block before", async () => {
    const setups = [{ name: "a" }, { name: "b" }];
    expect(await makePool(setups, ["a"]).ask({ prefer: "a" })).toBe("b");
    expect(await makePool([{ name: "a", isUp: false }, { name: "b" }]).ask({ prefer: "a" })).toBe("b");
    expect(await makePool([{ name: "a", isOpen: true }, { name: "b" }]).ask({ prefer: "a" })).toBe("b");
    expect(await makePool(setups).ask({ prefer: "a", avoid: new Set(["a"]) })).toBe("b");
  });

  test("a stale or avoided one, when there is no other", async () => {
    expect(await makePool([{ name: "a" }], ["a"]).ask({ avoid: new Set(["a"]) })).toBe("a");
  });
});

describe("when a provider fails", () => {
  test("the next one answers, and the failure is counted", async () => {
    const { ask, asked, failures } = makePool([{ name: "a", answer: fails("network") }, { name: "b" }]);
    expect(await ask({ prefer: "a" })).toBe("b");
    expect(asked).toEqual(["a", "b"]);
    expect(failures).toEqual(["a network"]);
  });

  test("a refused answer counts as a failure of this question only", async () => {
    const { pool } = makePool([{ name: "a" }, { name: "b" }]);
    const answer = await pool.ask(
      async (request, provider) => {
        const said = await request("eth_call", []);
        if (provider === "a") throw new RpcError("unverified", "a lies");
        return said;
      },
      { prefer: "a" },
    );
    expect(answer).toBe("b");
  });

  test("Retry-After is obeyed: the provider is asked again when its time is over, not before", async () => {
    let refuse = true;
    const { ask } = makePool([
      { name: "a", answer: () => (refuse ? fails("rate-limited", 60_000)() : "a") },
      { name: "b" },
    ]);
    expect(await ask({ prefer: "a" })).toBe("b");
    refuse = false;
    expect(await ask({ prefer: "a" })).toBe("b");
    clock.advance(60_001);
    expect(await ask({ prefer: "a" })).toBe("a");
  });

  test("a provider of another chain is never used, and the error says which chain it serves", async () => {
    const { ask, asked, failures } = makePool([{ name: "a", chainId: "0x89" }, { name: "b" }]);
    expect(await ask({ prefer: "a" })).toBe("b");
    expect(asked).toEqual(["b"]);
    expect(failures).toEqual(["a wrong-chain"]);
    await expect(makePool([{ name: "a", chainId: "0x89" }]).ask()).rejects.toThrow(
      "a serves chain 137, not 1",
    );
  });

  test("without anyone to ask, the error names each provider's trouble", async () => {
    const { ask } = makePool([
      { name: "a", isUp: false },
      { name: "b", isOpen: true },
    ]);
    await expect(ask()).rejects.toThrow("a (not connected), b (circuit open)");
  });
});

test("requests over the budget wait for their turn, or go to a provider that has some left", async () => {
  const alone = makePool([{ name: "a", perSecond: 2, latencyMs: 0 }]);
  const before = clock.now();
  for (let n = 0; n < 6; n++) await alone.ask();
  // Seven requests, the chain id's included: two at once, the others at two a second.
  expect(clock.now() - before).toBe(2_500);
  const two = makePool([
    { name: "a", perSecond: 2, latencyMs: 0 },
    { name: "b", latencyMs: 0 },
  ]);
  for (let n = 0; n < 4; n++) await two.ask({ prefer: "a" });
  expect(two.asked).toEqual(["a", "b", "b", "b"]);
});

test.each([
  [true, "answer"],
  [false, "no provider can be asked"],
])("a question waits its turn where all that is left is over its own budget: %s", async (isBusy, outcome) => {
  const pool = createProviderPool({
    providers: [makeProviderThatWaits(isBusy)],
    isStale: () => false,
    clock,
  });
  const asked = pool.ask((request) => request("eth_call", []));
  const said = await asked.catch((error: Error) => error.message);
  expect(said).toContain(outcome);
});

/** Eight seconds: for its own budget, or because it was told to. */
function makeProviderThatWaits(isBusy: boolean): Provider {
  return {
    name: "slow",
    kind: "http",
    latencyMs: 5,
    waitMs: () => 8_000,
    isOnlyBusy: () => isBusy,
    request: async () => "answer",
    greet: async () => {},
    isOfThisChain: () => true,
    trouble: () => (isBusy ? null : "rate limited"),
    transport: {
      kind: "http",
      isUp: () => true,
      request: async () => {},
      start() {},
      stop() {},
      rebuild() {},
    },
  };
}
