import { expect, test } from "vitest";
import { createFlowControl } from "./flow-control.ts";

const at = { topic: "t", partition: 0 };

function control() {
  let resumed = 0;
  const flow = createFlowControl({ pauseAbove: 10, resumeBelow: 5, onResume: () => void (resumed += 1) });
  return { flow, resumed: () => resumed };
}

test("a partition pauses above the upper mark and resumes at the lower one, not between them", () => {
  const { flow, resumed } = control();
  const states = [10, 11, 8, 6, 5, 9, 10].map((unsettled) => {
    flow.unsettledChanged(at, unsettled);
    return flow.isPaused(at);
  });
  expect(states).toEqual([false, true, true, true, false, false, false]);
  expect(resumed()).toBe(1);
});

test("a partition that its owner has paused stays so, whatever is settled", () => {
  const { flow, resumed } = control();
  flow.pause(at);
  flow.unsettledChanged(at, 20);
  flow.unsettledChanged(at, 0);
  expect([flow.isPaused(at), flow.paused(), resumed()]).toEqual([true, 1, 0]);
  flow.resume(at);
  expect([flow.isPaused(at), resumed()]).toEqual([false, 1]);
});

test("a resume does not open a partition that is too full", () => {
  const { flow, resumed } = control();
  flow.unsettledChanged(at, 20);
  flow.pause(at);
  flow.resume(at);
  expect([flow.isPaused(at), resumed()]).toEqual([true, 0]);
});
