import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { RpcError, type RpcFailure } from "../core/rpc/rpc-error.ts";
import { createOpossumBreaker } from "./opossum-breaker.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setUp() {
  const changes: string[] = [];
  const breaker = createOpossumBreaker({
    onOpen: () => changes.push("open"),
    onClose: () => changes.push("close"),
  });
  const fail = async (failure: RpcFailure, times: number) => {
    for (let turn = 0; turn < times; turn += 1) {
      await breaker.fire(() => Promise.reject(new RpcError(failure, "no"))).catch(() => undefined);
    }
  };
  return { breaker, changes, fail };
}

test("five failures of the network open it, and what is asked then fails without being asked", async () => {
  const { breaker, changes, fail } = setUp();
  await fail("network", 5);
  expect([breaker.isOpen(), changes]).toEqual([true, ["open"]]);
  let asked = 0;
  const question = breaker.fire(() => Promise.resolve((asked += 1)));
  await expect(question).rejects.toMatchObject({ failure: "network", message: "the circuit is open" });
  expect(asked).toBe(0);
  breaker.stop();
});

test.each<RpcFailure>(["range-too-large", "unknown-block", "unverified", "rate-limited"])(
  "%s says something about the question: it stays closed, and the caller gets the answer",
  async (failure) => {
    const { breaker, changes, fail } = setUp();
    await fail(failure, 20);
    expect([breaker.isOpen(), changes]).toEqual([false, []]);
    await expect(breaker.fire(() => Promise.reject(new RpcError(failure, "no")))).rejects.toMatchObject({
      failure,
    });
    breaker.stop();
  },
);

test("after ten seconds one request is let through: its success closes it, its failure opens it for ten more", async () => {
  const { breaker, changes, fail } = setUp();
  await fail("network", 5);
  vi.advanceTimersByTime(10_001);
  await fail("network", 1);
  expect(breaker.isOpen()).toBe(true);
  vi.advanceTimersByTime(10_001);
  await expect(breaker.fire(() => Promise.resolve(7))).resolves.toBe(7);
  expect([breaker.isOpen(), changes]).toEqual([false, ["open", "open", "close"]]);
  breaker.stop();
});
