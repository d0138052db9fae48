import { expect, it } from "vitest";
import { benchUsage, parseBenchArguments } from "./arguments.ts";

const known = ["latency", "filter"].map((name) => ({
  name,
  about: `about ${name}`,
  prepare: () => Promise.reject(new Error("not here")),
}));

it("takes a suite with its defaults", () => {
  const parsed = parseBenchArguments(["latency"], known);
  expect(parsed).toMatchObject({
    kind: "run",
    suites: [known[0]],
    json: false,
    runs: 3,
    secondsPerRun: 10,
    scale: 1,
  });
});

it.each([
  [[], "Name a suite"],
  [["speed"], 'no suite "speed"'],
  [["latency", "--runs", "0"], "--runs 0"],
  [["latency", "--seconds", "1e9"], "--seconds 1e9"],
  [["latency", "--scale", "2"], "--scale 2"],
  [["latency", "--fast"], "--fast"],
])("refuses %j in words", (argv, words) => {
  expect(parseBenchArguments(argv, known)).toMatchObject({
    kind: "wrong",
    reason: expect.stringContaining(words),
  });
});

it("lists every suite in its help", () => {
  for (const suite of known) expect(benchUsage(known)).toContain(suite.about);
});
