import { expect, test } from "vitest";
import { createGates } from "./gates.ts";
import { sampleEndpoint } from "./testing/sample-jobs.ts";

/** Gates of one endpoint with a rate. */
function open(ratePerSecond: number) {
  let nowMs = 1_000_000;
  const endpoint = { ...sampleEndpoint, settings: { ...sampleEndpoint.settings, ratePerSecond } };
  const gates = createGates({
    now: () => nowMs,
    endpoints: { get: () => endpoint },
    breakers: { gate: () => "go", openUntilMs: () => null },
  });
  return { gates, endpoint, pass: (ms: number) => void (nowMs += ms) };
}

test("what comes while the rate is used up is due when it lets one through, two seconds from now at the earliest", () => {
  const seldom = open(0.1);
  expect(seldom.gates.admit("ep_1")).toBe("go");
  expect(seldom.gates.later(seldom.endpoint, "busy")).toEqual({ reason: "busy", dueAtMs: 1_010_000 });
  seldom.pass(9_000);
  expect(seldom.gates.later(seldom.endpoint, "busy").dueAtMs).toBe(1_011_000);
  const often = open(50);
  expect(often.gates.later(often.endpoint, "busy").dueAtMs).toBe(1_002_000);
});

test("asking what a rate lets through takes nothing of it", () => {
  const { gates, pass } = open(2);
  expect([gates.allowance("ep_1", 0), gates.allowance("ep_1", 1_000)]).toEqual([2, 4]);
  expect([1, 2, 3].map(() => gates.admit("ep_1"))).toEqual(["go", "go", "hold"]);
  pass(250);
  expect([gates.allowance("ep_1", 0), gates.allowance("ep_1", 1_000)]).toEqual([0.5, 2.5]);
  expect(gates.admit("ep_1")).toBe("hold");
});
