import { expect, it } from "vitest";
import { compare, median } from "./compare.ts";

it("warms up each contender, then runs them in turn", async () => {
  const order: string[] = [];
  const contender = (name: string) => ({
    name,
    run: async () => {
      order.push(name);
      return { count: order.length };
    },
  });
  const measured = await compare([contender("a"), contender("b")], 2, () => undefined);
  expect(order).toEqual(["a", "b", "a", "b", "a", "b"]);
  // The warm-up (1) is not measured: runs 3 and 5 are.
  expect(measured.get("a")?.figures["count"]).toEqual({ median: 4, min: 3, max: 5 });
});

it("counts CPU seconds of this process beside wall time", async () => {
  const busy = { name: "busy", run: async () => ({ sum: Array.from({ length: 1e6 }, (_, i) => i).length }) };
  const measured = (await compare([busy], 1, () => undefined)).get("busy");
  expect(measured?.cpuSeconds["bench"]?.median).toBeGreaterThan(0);
  expect(measured?.wallSeconds.median).toBeGreaterThan(0);
});

it("names a figure that no contender measured", async () => {
  const measured = await compare([{ name: "a", run: async () => ({}) }], 1, () => undefined);
  expect(() => median(measured, "a", "p50Ms")).toThrow("a measured no p50Ms");
});
