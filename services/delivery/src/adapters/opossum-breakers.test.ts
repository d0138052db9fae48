import { endpointSettings } from "@ethhook/schemas";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Endpoint } from "../core/endpoint.ts";
import type { Exchange } from "../core/exchange.ts";
import { createOpossumBreakers } from "./opossum-breakers.ts";

// opossum reads the clock and sets timers itself.
beforeEach(() => void vi.useFakeTimers({ now: 1_790_000_000_000 }));
afterEach(() => void vi.useRealTimers());

const endpoint: Endpoint = {
  id: "ep_1",
  applicationId: "app_1",
  userId: "usr_1",
  url: "https://example.org",
  status: "enabled",
  settings: endpointSettings.parse({}),
  secrets: [],
};
const answered = (statusCode: number): Exchange => ({
  kind: "answered",
  statusCode,
  retryAfter: null,
  responseBody: "",
  connectMs: null,
  tlsMs: null,
  firstByteMs: 1,
  totalMs: 1,
});
function create() {
  const log: string[] = [];
  const breakers = createOpossumBreakers({
    now: Date.now,
    isFailure: (exchange) => exchange.statusCode !== 200,
    onOpen: (_, untilMs) => void log.push(`open for ${untilMs - Date.now()}`),
    onClose: () => void log.push("closed"),
  });
  const post = (statusCode: number) => breakers.run(endpoint, () => Promise.resolve(answered(statusCode)));
  return { breakers, log, post };
}

test("the fifth failure opens it for a minute; then one probe may pass, and its success closes it", async () => {
  const { breakers, log, post } = create();
  for (let n = 0; n < 4; n += 1) await post(500);
  expect(breakers.gate("ep_1")).toBe("go");
  await post(500);
  expect([breakers.gate("ep_1"), breakers.states().open, log]).toEqual(["refuse", 1, ["open for 60000"]]);
  vi.advanceTimersByTime(59_999);
  expect(breakers.gate("ep_1")).toBe("refuse");
  vi.advanceTimersByTime(1);
  expect(breakers.gate("ep_1")).toBe("probe");
  const slow = Promise.withResolvers<Exchange>();
  const probe = breakers.run(endpoint, () => slow.promise);
  expect(breakers.gate("ep_1"), "one probe at a time").toBe("refuse");
  slow.resolve(answered(200));
  await probe;
  expect([breakers.gate("ep_1"), log.at(-1)]).toEqual(["go", "closed"]);
});

test("a failed probe opens it again", async () => {
  const { breakers, post } = create();
  for (let n = 0; n < 5; n += 1) await post(500);
  vi.advanceTimersByTime(60_000);
  await post(500);
  expect([breakers.gate("ep_1"), breakers.openUntilMs("ep_1")]).toEqual(["refuse", Date.now() + 60_000]);
});

test("failures further apart than a minute, or with a success between, do not add up", async () => {
  const { breakers, post } = create();
  for (let n = 0; n < 20; n += 1) {
    await post(500);
    vi.advanceTimersByTime(16_000);
  }
  vi.advanceTimersByTime(60_000);
  for (let n = 0; n < 20; n += 1) await post(n % 4 === 3 ? 200 : 500);
  expect(breakers.gate("ep_1")).toBe("go");
});

test("a healthy endpoint has no breaker, and one that got well is forgotten", async () => {
  const { breakers, post } = create();
  for (let n = 0; n < 10; n += 1) await post(200);
  expect(breakers.states()).toEqual({ open: 0, halfOpen: 0, closed: 0 });
  await post(500);
  expect(breakers.states().closed).toBe(1);
  vi.advanceTimersByTime(60_000);
  breakers.evictIdle();
  expect([breakers.states().closed, vi.getTimerCount()]).toEqual([0, 0]);
});

test("a restored breaker is open for what is left of its time, then whole minutes again", async () => {
  const { breakers, log, post } = create();
  breakers.restore(endpoint, Date.now() + 10_000);
  expect(breakers.gate("ep_1")).toBe("refuse");
  vi.advanceTimersByTime(10_000);
  expect([breakers.gate("ep_1"), log]).toEqual(["probe", []]);
  await post(500);
  expect(log).toEqual(["open for 60000"]);
});

test("exchanges that were begun before it opened end beside it, and the answer is never lost", async () => {
  const { breakers, post } = create();
  const late = Promise.withResolvers<Exchange>();
  const running = breakers.run(endpoint, () => late.promise);
  for (let n = 0; n < 5; n += 1) await post(500);
  late.resolve(answered(200));
  expect(await running).toMatchObject({ statusCode: 200 });
  expect(breakers.gate("ep_1"), "an old success proves nothing").toBe("refuse");
});
