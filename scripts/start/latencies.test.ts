import { expect, test } from "vitest";
import { createLatencies } from "./latencies.ts";

test("percentiles are samples, by nearest rank", () => {
  const latencies = createLatencies();
  for (let ms = 1; ms <= 200; ms += 1) latencies.add(ms);
  expect([0, 0.5, 0.99, 1].map((share) => latencies.percentile(share))).toEqual([1, 100, 198, 200]);
});

test("without samples there is no percentile", () => {
  expect(createLatencies().percentile(0.5)).toBeNull();
});

test("only the newest samples are kept", () => {
  const latencies = createLatencies(3);
  for (const ms of [1, 2, 3, 4, 5]) latencies.add(ms);
  expect([latencies.percentile(0), latencies.count()]).toEqual([3, 5]);
});
