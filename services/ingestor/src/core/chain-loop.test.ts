import { getEventListeners } from "node:events";
import { expect, test, vi } from "vitest";
import type { Clock } from "./clock.ts";
import { createChainLoop } from "./chain-loop.ts";
import type { Follower } from "./follower.ts";
import { createHeads } from "./heads.ts";
import type { HeadNotice } from "./model.ts";
import type { BlockSource } from "./ports.ts";
import { RpcError } from "./rpc/rpc-error.ts";

const noticeOf = (number: number): HeadNotice =>
  ({
    number,
    hash: `0x${number}`,
    parentHash: `0x${number - 1}`,
    from: "node",
    seenAtMs: number,
  }) as HeadNotice;

const pollMs = 500;

/** A loop whose waits for a head last until their signal is aborted, and what it followed. */
function setUp(
  given: { latest?: () => Promise<HeadNotice>; advance?: (head: HeadNotice) => Promise<void> } = {},
) {
  const followed: number[] = [];
  let sleeping = Promise.withResolvers<void>();
  const clock: Clock = {
    now: () => 0,
    random: () => 0.5,
    sleep: (delayMs, signal) =>
      new Promise((resolve) => {
        // Between two failures.
        if (delayMs !== pollMs) return void setImmediate(resolve);
        if (signal?.aborted) return resolve();
        signal?.addEventListener("abort", () => resolve(), { once: true });
        sleeping.resolve();
      }),
  };
  const loop = createChainLoop({
    source: { latest: given.latest ?? (() => Promise.resolve(noticeOf(1))) } as unknown as BlockSource,
    heads: createHeads({ staleAfterMs: 1_000, announcers: ["node"], startedAtMs: 0 }),
    clock,
    isAnnounced: () => true,
    isConnected: () => true,
    pollMs,
    finalityMs: 5_000,
    rebuild: () => undefined,
    onSourceFailure: () => undefined,
  });
  const follower = {
    async advance(head: HeadNotice) {
      await given.advance?.(head);
      followed.push(head.number);
    },
    settleFinality: () => Promise.resolve(),
    window: {},
  } as unknown as Follower;
  /** Resolves when the loop waits for a head. */
  const idle = async () => {
    await sleeping.promise;
    sleeping = Promise.withResolvers();
  };
  return { loop, follower, followed, idle };
}

test("an announcement wakes the loop, and a thousand waits leave one listener on the signal of the process", async () => {
  const { loop, follower, followed, idle } = setUp();
  const stop = new AbortController();
  const running = loop.run(follower, stop.signal);
  for (let number = 2; number < 1_000; number += 1) {
    await idle();
    loop.announce(noticeOf(number));
  }
  await idle();
  expect(followed.length).toBe(999);
  expect(getEventListeners(stop.signal, "abort").length).toBe(1);
  stop.abort();
  await running;
});

test("a head that was announced is tried after a failure, although nobody answers the question for the newest one", async () => {
  let answers = 0;
  const { loop, follower, followed, idle } = setUp({
    latest: () =>
      answers++ === 0 ? Promise.resolve(noticeOf(1)) : Promise.reject(new RpcError("timeout", "no")),
    advance: ({ number }) =>
      number === 2 ? Promise.reject(new RpcError("network", "no")) : Promise.resolve(),
  });
  const stop = new AbortController();
  const running = loop.run(follower, stop.signal);
  await idle();
  loop.announce(noticeOf(2));
  await vi.waitFor(() => expect(answers).toBeGreaterThan(2));
  loop.announce(noticeOf(3));
  await vi.waitFor(() => expect(followed).toContain(3));
  expect(followed).toEqual([1, 3]);
  stop.abort();
  await running;
});
