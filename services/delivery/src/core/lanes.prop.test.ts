import { fc, test } from "@fast-check/vitest";
import { expect } from "vitest";
import { createLanes, laneLimitsDefault, type LaneItem, type Run } from "./lanes.ts";

interface Item extends LaneItem {
  readonly key: string;
  readonly n: number;
}

const limits = { ...laneLimitsDefault, youngMax: 6, slowMax: 3, capStart: 2 };
const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("offer" as const),
      key: fc.integer({ min: 0, max: 4 }),
      replay: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant("end" as const), pick: fc.nat(20), healthy: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.integer({ min: 1, max: 1_500 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("gate" as const),
      key: fc.integer({ min: 0, max: 4 }),
      answer: fc.constantFrom("go", "hold", "refuse"),
    }),
  },
);

test.prop([fc.array(action, { maxLength: 200, size: "max" })])(
  "whatever happens: limits hold, order holds, and every item is begun, refused or waiting exactly once",
  (actions) => {
    let nowMs = 0;
    let offered = 0;
    const gates = new Map<string, "go" | "hold" | "refuse">();
    const running: Run<Item>[] = [];
    const seen: Item[] = [];
    let begun = 0;
    const lanes = createLanes<Item>(limits, {
      now: () => nowMs,
      capMax: (key) => 1 + Number(key),
      allowance: (key) => (key === "3" ? 2.5 : Infinity),
      admit: (key) => gates.get(key) ?? "go",
      begin(item, run) {
        running.push(run);
        seen.push(item);
        begun += 1;
        const same = running.filter((other) => other.item.key === item.key).length;
        expect(same).toBeLessThanOrEqual(1 + Number(item.key));
        expect(lanes.stats.young).toBeLessThanOrEqual(limits.youngMax);
      },
      defer: (run) => run(),
      refuse: (item) => void seen.push(item),
    });
    for (const step of actions) {
      if (step.do === "offer") {
        lanes.enqueue(String(step.key), {
          key: String(step.key),
          n: offered,
          replay: step.replay,
          takenAtMs: nowMs,
          bytes: 1,
        });
        offered += 1;
      } else if (step.do === "end" && running.length > 0) {
        const [run] = running.splice(step.pick % running.length, 1);
        lanes.end(run!, step.healthy);
      } else if (step.do === "pass") {
        nowMs += step.ms;
        lanes.tick();
      } else if (step.do === "gate") gates.set(String(step.key), step.answer as "go");
      expect(lanes.stats.young + lanes.stats.slow).toBe(running.length);
      expect(lanes.stats.slow).toBeLessThanOrEqual(limits.slowMax);
      expect(seen.length + lanes.stats.queued).toBe(offered);
    }
    expect(new Set(seen.map(({ n }) => n)).size).toBe(seen.length);
    // Gates open and everything answers: nothing may be left behind.
    gates.clear();
    for (let round = 0; round < 1_000 && (lanes.stats.queued > 0 || running.length > 0); round += 1) {
      for (const run of running.splice(0)) lanes.end(run, true);
      nowMs += 50;
      lanes.tick();
    }
    expect(lanes.stats).toMatchObject({ queued: 0, queuedBytes: 0, young: 0, slow: 0 });
    expect(seen.length).toBe(offered);
    expect(begun).toBeLessThanOrEqual(offered);
  },
);
