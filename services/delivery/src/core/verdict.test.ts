import { expect, test } from "vitest";
import type { Exchange } from "./exchange.ts";
import { judge } from "./verdict.ts";

const times = { connectMs: null, tlsMs: null, firstByteMs: 1, totalMs: 2 };
const answered = (statusCode: number, retryAfter: string | null = null): Exchange => ({
  ...times,
  kind: "answered",
  statusCode,
  retryAfter,
  responseBody: "",
});
const broken = (kind: "timeout" | "network" | "blocked", code = "X"): Exchange => ({
  ...times,
  kind,
  code,
  message: "x",
  statusCode: null,
  responseBody: "",
});

test.each([200, 201, 204, 299])("%i is delivered", (code) => {
  expect(judge(answered(code), 0)).toMatchObject({ outcome: "delivered", next: "done", healthy: true });
});

test.each([301, 302, 304, 400, 401, 404, 500, 501])("%i fails and is retried", (code) => {
  expect(judge(answered(code), 0)).toMatchObject({
    outcome: "failed",
    next: "retry",
    healthy: false,
    disable: false,
  });
});

test.each([429, 502, 503, 504])("%i throttles, for as long as it says", (code) => {
  expect(judge(answered(code, "3"), 0)).toMatchObject({
    outcome: "throttled",
    next: "retry",
    retryAfterMs: 3_000,
  });
  expect(judge(answered(code), 0).retryAfterMs).toBeNull();
});

test("too many requests says nothing of an endpoint's health; unavailable does", () => {
  expect(judge(answered(429), 0).healthy).toBeNull();
  expect(judge(answered(503), 0).healthy).toBe(false);
});

test("410 asks never to be called again, and the delivery waits with its endpoint", () => {
  expect(judge(answered(410), 0)).toMatchObject({ outcome: "gone", next: "retry", disable: true });
});

test("a failure of another status does not honour Retry-After", () => {
  expect(judge(answered(500, "9"), 0).retryAfterMs).toBeNull();
});

test("timeouts and broken connections are retried; what policy forbids never is, and is not the endpoint's illness", () => {
  expect(judge(broken("timeout"), 0)).toMatchObject({ outcome: "timeout", next: "retry", healthy: false });
  expect(judge(broken("network"), 0)).toMatchObject({ outcome: "network", next: "retry", healthy: false });
  expect(judge(broken("blocked"), 0)).toMatchObject({ outcome: "blocked", next: "dead", healthy: null });
});

test("what this process ended because it stops goes out again at once, and is nobody's illness", () => {
  expect(judge(broken("network", "STOPPED"), 0)).toMatchObject({ next: "again", healthy: null });
});
