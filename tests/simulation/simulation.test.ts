import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { faultNames, type FaultName } from "./faults.ts";
import { runSeed } from "./run.ts";
import type { Sabotage } from "./scenario.ts";

const seedsPerTest = 25;
const firstSeeds = Array.from({ length: 8 }, (_, index) => 1 + index * seedsPerTest);
const struck = new Set<FaultName>();

describe("200 seeds", () => {
  test.each(firstSeeds)("from %i on publish the chain exactly once", async (first) => {
    for (let seed = first; seed < first + seedsPerTest; seed++) {
      const { violations, tally, logs } = await runSeed(seed);
      expect(violations, `again: npm run simulate -- --seeds 1 --from ${seed} --log info`).toEqual([]);
      expect(logs).toBeGreaterThan(0);
      for (const name of tally.keys()) struck.add(name);
    }
  });

  test("met every fault that the simulator knows", () => {
    expect(faultNames.filter((name) => !struck.has(name))).toEqual([]);
  });
});

test("a seed always runs the same, another one does not", async () => {
  const [first, second, other] = [await runSeed(7), await runSeed(7), await runSeed(8)];
  expect(second).toEqual(first);
  expect(other.trace).not.toBe(first.trace);
});

/** Seeds within which a planted bug has to be seen, and by what. */
const planted: readonly (readonly [Sabotage, number, RegExp])[] = [
  ["publishes without proof", 10, /logs in the topic, says/],
  ["publishes without a transaction", 30, /is there 2 times|not in the ledger|where sequence/],
  ["repeats a transaction whose outcome is unknown", 30, /where sequence/],
  ["is never fenced", 60, /where sequence/],
  ["forgets removals", 20, /removed .* logs in the topic, says/],
  ["publishes a block backwards", 3, /after #/],
  ["never says what is final", 10, /is final up to nothing/],
  ["nobody tells the truth", 3, /of calm did not bring it to block/],
];

test.each(planted)("an ingestor that %s is found within %i seeds", async (sabotage, seeds, words) => {
  const found: string[] = [];
  for (let seed = 1; seed <= seeds && !found.some((line) => words.test(line)); seed++) {
    found.push(...(await runSeed(seed, { sabotage })).violations);
  }
  expect(found.join("\n")).toMatch(words);
});

test("the command tells what struck, and that nothing failed", () => {
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const { status, stdout } = spawnSync(process.execPath, [main, "--seeds", "2", "--from", "3"], {
    encoding: "utf8",
  });
  expect(stdout).toMatch(/reorg: shallow +\d+/);
  expect(stdout).toMatch(/2 seeds in .* of virtual time, [1-9]\d* ledger records/);
  expect(stdout).toContain("none failed");
  expect(status).toBe(0);
});
