import { fc, test } from "@fast-check/vitest";
import { expect, test as plainTest } from "vitest";
import { createTokenBucket, takeToken } from "./token-bucket.ts";

plainTest("a bucket lets one second's worth through at once, then its rate", () => {
  const bucket = createTokenBucket(10, 0);
  const taken = (nowMs: number) => takeToken(bucket, 10, nowMs);
  expect(Array.from({ length: 12 }, () => taken(0)).filter(Boolean)).toHaveLength(10);
  expect([taken(99), taken(100), taken(100), taken(200)]).toEqual([false, true, false, true]);
});

plainTest("a rate below one a second lets one through, then waits", () => {
  const bucket = createTokenBucket(0.5, 0);
  expect([0, 1_000, 1_999, 2_000].map((nowMs) => takeToken(bucket, 0.5, nowMs))).toEqual([
    true,
    false,
    false,
    true,
  ]);
});

test.prop([
  fc.double({ min: 0.01, max: 1_000, noNaN: true }),
  fc.array(fc.nat(500), { minLength: 1, maxLength: 200 }),
])("over any time no more passes than a burst and the rate", (rate, gapsMs) => {
  const bucket = createTokenBucket(rate, 0);
  let nowMs = 0;
  let passed = 0;
  for (const gapMs of gapsMs) {
    nowMs += gapMs;
    if (takeToken(bucket, rate, nowMs)) passed += 1;
  }
  expect(passed).toBeLessThanOrEqual(Math.max(1, rate) + (nowMs * rate) / 1_000 + 1e-6);
});
