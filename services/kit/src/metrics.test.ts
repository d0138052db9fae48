import { metricCatalogue } from "@ethhook/topology";
import { expect, expectTypeOf, test } from "vitest";
import { createMetrics, Registry } from "./metrics.ts";

const catalogue = {
  demo_requests_total: { type: "counter", help: "Requests.", labels: ["status", "method"] },
  demo_restarts_total: { type: "counter", help: "Restarts." },
  demo_depth: { type: "gauge", help: "Depth.", labels: ["queue"] },
  demo_duration_seconds: { type: "histogram", help: "Duration.", buckets: [0.1, 1] },
} as const;

test("an instrument counts under its labels, made once however often it is asked for", async () => {
  const registry = new Registry();
  const metrics = createMetrics(catalogue, registry);
  metrics.counter("demo_requests_total").inc({ status: "ok", method: "GET" });
  metrics.counter("demo_requests_total").with({ status: "ok", method: "GET" }).inc(2);
  metrics.counter("demo_restarts_total").inc();
  metrics.gauge("demo_depth").set(3, { queue: "a" });
  metrics.histogram("demo_duration_seconds").observe(0.5);
  const text = await registry.metrics();
  expect(text).toContain('demo_requests_total{status="ok",method="GET"} 3');
  expect(text).toContain("demo_restarts_total 1");
  expect(text).toContain('demo_depth{queue="a"} 3');
  expect(text).toContain('demo_duration_seconds_bucket{le="0.1"} 0');
  expect(text).toContain('demo_duration_seconds_bucket{le="1"} 1');
});

test("a collected gauge is read when scraped, and series that went away are gone", async () => {
  const registry = new Registry();
  let queues = ["a", "b"];
  createMetrics(catalogue, registry)
    .gauge("demo_depth")
    .collect(() => queues.map((queue) => [{ queue }, queue.length] as const));
  expect(await registry.metrics()).toContain('demo_depth{queue="b"} 1');
  queues = ["a"];
  expect(await registry.metrics()).not.toContain('demo_depth{queue="b"}');
});

test("names and labels that the catalogue does not have are type errors, and throw", () => {
  const metrics = createMetrics(catalogue, new Registry());
  // @ts-expect-error: no such name
  expect(() => metrics.counter("demo_other_total")).toThrow("no counter named demo_other_total");
  // @ts-expect-error: another type
  expect(() => metrics.gauge("demo_restarts_total")).toThrow("no gauge named");
  // @ts-expect-error: a label is missing
  expect(() => metrics.counter("demo_requests_total").inc({ status: "ok", other: "x" })).toThrow("label");
  expectTypeOf(metrics.counter("demo_restarts_total").inc).parameters.toEqualTypeOf<[by?: number]>();
});

test("the whole catalogue of the product can be registered", async () => {
  const registry = new Registry();
  const metrics = createMetrics(metricCatalogue, registry) as unknown as Record<
    "counter" | "gauge" | "histogram",
    (name: string) => unknown
  >;
  for (const [name, { type }] of Object.entries(metricCatalogue)) metrics[type](name);
  expect((await registry.getMetricsAsJSON()).length).toBe(Object.keys(metricCatalogue).length);
});
