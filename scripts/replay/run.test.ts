import type { Delivery } from "@ethhook/schemas";
import { builtInChains, createTopology } from "@ethhook/topology";
import { expect, test } from "vitest";
import { createLead } from "./lead.ts";
import { createProgress, shareDone } from "./progress.ts";
import { runReplay, type ReplayState, type RunDeps } from "./run.ts";
import type { Candidate } from "./source.ts";

const place = "deliveries:0";
const begin: ReplayState = { positions: {}, scanned: 0, sent: 0 };

/** One webhook an offset, from `from` to `until`. */
async function* candidates(from: number, until: number): AsyncGenerator<readonly Candidate[]> {
  const some = Array.from({ length: until - from }, (_, n) => from + n);
  yield some.map((offset) => ({ place, offset, deliveries: [{ webhookId: `msg_${offset}` } as Delivery] }));
}

/** A run on a clock that only pauses move, with what it sent and wrote down. */
function stage(change: Partial<RunDeps> = {}) {
  let nowMs = 0;
  const sent: string[] = [];
  const saved: ReplayState[] = [];
  const deps: RunDeps = {
    already: new Set(),
    send: async (deliveries) => void sent.push(...deliveries.map(({ webhookId }) => webhookId)),
    room: async () => undefined,
    isCancelled: async () => false,
    save: async (state) => {
      saved.push(state);
      return true;
    },
    now: () => nowMs,
    pause: async (ms) => void (nowMs += ms),
    stopping: () => false,
    onProgress: () => undefined,
    ...change,
  };
  return { deps, sent, saved, now: () => nowMs };
}

const idsOf = (from: number, until: number) =>
  Array.from({ length: until - from }, (_, n) => `msg_${from + n}`);

test("webhooks go at the rate that was asked for, in order, and the state is written twice a second", async () => {
  const { deps, sent, saved, now } = stage();
  const { end, state } = await runReplay(candidates(0, 1_000), begin, 200, deps);
  expect([end, state.sent, state.positions]).toEqual(["done", 1_000, { [place]: 1_000 }]);
  expect(sent).toEqual(idsOf(0, 1_000));
  // 1,000 at 200 a second; the last piece need not wait for itself.
  expect(now()).toBeGreaterThanOrEqual(4_800);
  expect(now()).toBeLessThanOrEqual(5_000);
  expect(saved.length).toBeGreaterThanOrEqual(9);
});

test("what goes on from a written state leaves nothing out and repeats only what was sent after it", async () => {
  const first = stage();
  const { now, pause } = first.deps;
  // Killed after two seconds: what it would have written at its end is not there.
  const stopping = (): boolean => now() > 2_000;
  await runReplay(candidates(0, 400), begin, 100, { ...first.deps, pause, stopping });
  const written = first.saved.at(-2) ?? begin;
  const from = written.positions[place] ?? 0;
  const second = stage();
  await runReplay(candidates(from, 400), written, null, second.deps);
  expect(first.sent.slice(0, from)).toEqual(idsOf(0, from));
  expect(second.sent).toEqual(idsOf(from, 400));
  expect(first.sent.length - from).toBeLessThanOrEqual(60);
});

test("what it sent before it was killed, and did not write down, counts as sent and is not sent again", async () => {
  const { deps, sent } = stage({ already: new Set(idsOf(0, 30)) });
  const { state } = await runReplay(candidates(0, 100), begin, null, deps);
  expect([sent, state.sent, state.positions]).toEqual([idsOf(30, 100), 100, { [place]: 100 }]);
});

test("a replay that was cancelled sends no more, also when that comes while it waits for room", async () => {
  let isCancelled = false;
  const room = async (): Promise<void> => void (isCancelled = sent.length >= 20);
  const { deps, sent } = stage({ room, isCancelled: async () => isCancelled });
  const { end, state } = await runReplay(candidates(0, 1_000), begin, 100, deps);
  expect([end, sent, state.sent]).toEqual(["cancelled", idsOf(0, 20), 20]);
});

test("a replay that is cancelled after its last webhook ends as cancelled", async () => {
  const { deps, sent } = stage({ save: async () => false });
  const { end } = await runReplay(candidates(0, 10), begin, null, deps);
  expect([end, sent.length]).toEqual(["cancelled", 10]);
});

test("with delivery down, the wait for room ends with a cancel", async () => {
  const topology = createTopology(builtInChains);
  const waits: number[] = [];
  const admin = {
    bounds: async () => [{ partition: 0, start: 0, end: 50 }],
    committedOffsets: async () => [],
  };
  const room = createLead(topology, admin, 10, {
    pause: async () => undefined,
    stopping: () => false,
    isCancelled: async () => waits.length === 3,
    onWaiting: (lead) => void waits.push(lead),
  });
  await room(1);
  expect(waits).toEqual([50, 50, 50]);
});

test("progress is a bar on a terminal, with what was sent, the rate and the time left", () => {
  let nowMs = 0;
  const told: string[] = [];
  const output = { isTTY: true, write: (text: string) => void told.push(text) };
  const progress = createProgress({ [place]: { from: 100, until: 300 } }, output, () => nowMs);
  progress.show({ positions: { [place]: 100 }, scanned: 0, sent: 0 });
  nowMs = 10_000;
  progress.show({ positions: { [place]: 150 }, scanned: 50, sent: 40 });
  expect(told.at(-1)).toContain("[######------------------]  25 %  40 sent of 50 read  4/s  30 s left");
});

test("the share that is done counts what lies behind the positions, of all that is planned", () => {
  const plan = { "a:0": { from: 0, until: 100 }, "a:1": { from: 50, until: 150 } };
  expect(shareDone(plan, { positions: {} })).toBe(0);
  expect(shareDone(plan, { positions: { "a:0": 50, "a:1": 10 } })).toBe(0.25);
  expect(shareDone(plan, { positions: { "a:0": 100, "a:1": 150 } })).toBe(1);
  expect(shareDone({}, { positions: {} })).toBe(1);
});
