import type { Attempt, DeadDelivery, Delivery } from "@ethhook/schemas";
import { expect, test } from "vitest";
import { createDispatcher } from "./dispatcher.ts";
import type { Endpoint } from "./endpoint.ts";
import type { Exchange } from "./exchange.ts";
import { createGates } from "./gates.ts";
import { createHealthBook, failingMsMax } from "./health.ts";
import type { Job, JobEnd } from "./job.ts";
import { laneLimitsDefault } from "./lanes.ts";
import type { Notice } from "./notice.ts";
import type { Parked } from "./ports.ts";
import { createSettlement } from "./settlement.ts";
import { sampleDelivery, sampleEndpoint, sampleJob } from "./testing/sample-jobs.ts";
import { stoppedCode } from "./verdict.ts";

const timings = { connectMs: 1, tlsMs: 2, firstByteMs: 3, totalMs: 4 };
const answered = (statusCode: number): Exchange => ({
  kind: "answered",
  statusCode,
  retryAfter: null,
  responseBody: "thanks",
  ...timings,
});

/** A dispatcher with one endpoint, over a receiver that answers as it is told, and everything that it wrote. */
function createWorld(first: { endpoint: Endpoint | null | undefined } = { endpoint: sampleEndpoint }) {
  let { endpoint } = first;
  let nowMs = 1_790_000_000_000;
  let answer = async () => answered(200);
  const written = {
    attempts: [] as Attempt[],
    dead: [] as DeadDelivery[],
    parked: [] as Parked[],
    notices: [] as Notice[],
    settled: [] as number[],
  };
  const now = (): number => nowMs;
  const notices = { tell: (notice: Notice) => void written.notices.push(notice) };
  const endpoints = {
    get: () => endpoint,
    load: async () => undefined,
    disable: () => void (endpoint &&= { ...endpoint, status: "disabled" }),
  };
  const breakers = {
    gate: () => "go" as const,
    run: (_: Endpoint, post: () => Promise<Exchange>) => post(),
    openUntilMs: () => null,
  };
  const nothing = (): void => undefined;
  const settlement = createSettlement({
    now,
    attempts: { append: async (attempt) => void written.attempts.push(attempt) },
    parking: { park: async (parked) => void written.parked.push(parked), remove: async () => undefined },
    deadLetters: { bury: async (dead) => void written.dead.push(dead) },
    observer: { attempted: nothing, parked: nothing, dropped: nothing, buried: nothing },
    notices,
    rowsOf: () => 0,
    rowsPerEndpointMax: 10,
  });
  const health = createHealthBook(notices.tell);
  let heard: (end: JobEnd) => void = nothing;
  const dispatcher = createDispatcher(
    { lanes: laneLimitsDefault, guardAfterMs: 2_000, guardGraceMs: 10_000 },
    {
      now,
      random: () => 0.5,
      defer: (run) => void setImmediate(run),
      newAttemptId: () => `att_${written.attempts.length}`,
      endpoints,
      gates: createGates({ now, endpoints, breakers }),
      receiver: { post: () => answer() },
      breakers,
      health,
      notices,
      settlement,
      compose: ({ delivery }) => ({
        url: "https://example.org/",
        headers: {},
        body: Buffer.from(delivery.body),
        gzip: false,
        timeoutMs: 30_000,
      }),
      ended: (_, end) => heard(end),
    },
  );
  return {
    written,
    health,
    pass: (ms: number) => void (nowMs += ms),
    answers: (exchange: Exchange) => void (answer = async () => exchange),
    rejects: (error: unknown) => void (answer = () => Promise.reject(error)),
    /** Sends the n-th delivery and resolves with how it ended. */
    send: (n: number, change: Partial<Delivery> = {}, more: Partial<Job> = {}): Promise<JobEnd> =>
      new Promise((resolve) => {
        heard = resolve;
        const settle = () => void written.settled.push(n);
        dispatcher.accept(sampleJob(sampleDelivery(n, change), { settle, ...more }));
      }),
  };
}

test("the record of an attempt says what was sent when, how long each stage took, and what came back", async () => {
  const { written, send, pass } = createWorld();
  pass(70);
  expect(await send(1)).toEqual({ kind: "delivered" });
  expect(written.attempts).toMatchObject([
    {
      ...timings,
      webhookId: sampleDelivery(1).webhookId,
      attempt: 1,
      statusCode: 200,
      error: null,
      responseBody: "thanks",
      startedAtMs: 1_790_000_000_070,
      // Since the ingestor first heard of the block.
      e2eMs: 70 + timings.totalMs,
      nextAttemptAtMs: null,
      requestBytes: Buffer.byteLength(sampleDelivery(1).body),
    },
  ]);
  expect(written.settled).toEqual([1]);
});

test("an endpoint that fails for five days is disabled, its owner is told, and what comes for it waits", async () => {
  const { written, send, pass, answers } = createWorld();
  answers(answered(500));
  expect(await send(1)).toMatchObject({ kind: "parked" });
  pass(failingMsMax - 1);
  await send(2);
  expect(written.notices).toEqual([]);
  pass(1);
  await send(3);
  const reason = "failed for five days, the last time with: status 500";
  expect(written.notices).toMatchObject([{ type: "endpoint.disabled", endpointId: "ep_1", reason }]);
  answers(answered(200));
  await send(4);
  expect(written.parked.map((row) => row.reason)).toEqual(["retry", "retry", "retry", "disabled"]);
  expect(written.attempts, "nothing is sent to it any more").toHaveLength(3);
  expect(written.settled).toEqual([1, 2, 3, 4]);
});

test("one success within the five days starts their count anew", async () => {
  const { written, send, pass, answers } = createWorld();
  for (const status of [500, 200, 500]) {
    answers(answered(status));
    await send(1);
    pass(failingMsMax - 1);
  }
  expect(written.notices).toEqual([]);
});

test("a delivery whose endpoint was deleted is a dead letter", async () => {
  const { written, send } = createWorld({ endpoint: null });
  expect(await send(1)).toEqual({ kind: "buried" });
  expect(written.dead).toMatchObject([{ reason: "gone", detail: "the endpoint was deleted", attempts: [] }]);
});

test("a delivery whose endpoint is not known now waits until it is read again", async () => {
  const { written, send } = createWorld({ endpoint: undefined });
  expect(await send(1)).toMatchObject({ kind: "parked" });
  expect([written.dead, written.settled]).toEqual([[], [1]]);
});

test("an exchange that goes wrong in no foreseen way fails like any other, and its record says how", async () => {
  const { written, send, rejects } = createWorld();
  rejects(new TypeError("encoding.trim is not a function"));
  expect(await send(1)).toMatchObject({ kind: "parked" });
  const error = "TypeError: encoding.trim is not a function";
  expect(written.attempts).toMatchObject([{ outcome: "network", error }]);
});

const stopped: Exchange = {
  kind: "network",
  code: stoppedCode,
  message: "this process stops",
  statusCode: null,
  responseBody: "",
  ...timings,
};

test("the last attempt is made again when this process ended it because it stops", async () => {
  const { written, send, answers } = createWorld({
    endpoint: { ...sampleEndpoint, settings: { ...sampleEndpoint.settings, retryScheduleSeconds: [0, 60] } },
  });
  answers(answered(500));
  await send(1);
  for (const exchange of [stopped, stopped, answered(500)]) {
    answers(exchange);
    await send(1, written.parked.at(-1)?.delivery);
  }
  expect(written.parked.map(({ reason, dueAtMs }) => [reason, dueAtMs - 1_790_000_000_000])).toEqual([
    ["retry", 66_000],
    ["retry", 0],
    ["retry", 0],
  ]);
  expect(written.dead).toMatchObject([{ reason: "exhausted", attempts: [{}, {}, {}, {}] }]);
});

test("a POST of a partition that is lost leaves the endpoint's health to who owns it now", async () => {
  const { send, answers, health } = createWorld();
  answers(answered(500));
  let current = true;
  const isCurrent = () => current;
  const end = send(1, {}, { isCurrent });
  current = false;
  await end;
  expect(health.changes()).toEqual(new Map());
});
