import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const servers = ["tests/integration/**", "tests/e2e/**", "tests/simulation/**"];
const never = ["**/node_modules/**", "**/.data/**", "**/.turbo/**"];

/**
 * Tests that start real servers wait more than they compute: three files at a time on two cores. In CI, whose machine may be
 * shared, two: it takes a quarter longer and leaves room.
 */
const fewAtATime = { maxWorkers: process.env["CI"] === undefined ? 3 : 2, isolate: true } as const;

/** Tests without a server keep nothing outside themselves: their modules are loaded once, which is half of their time. */
const together = { isolate: false } as const;

/** Tests that measure memory or how much one process can take: one file at a time. */
const oneAtATime = { fileParallelism: false, maxWorkers: 1, isolate: true } as const;
const alone = ["tests/integration/ingestor-big-block.test.ts", "tests/e2e/demo-scale.test.ts"];

/**
 * `order` runs the projects one after the other, the quick ones first: a broken decoder is then reported before a
 * broker is started. Of one order, they share the machine; vitest begins with the first by name,
 * and those take longest. No project retries: a test that fails now and then is a bug of the test or of the code.
 */
function project(name: string, order: number, include: string[], exclude: string[], timeoutMs: number) {
  return {
    extends: true as const,
    test: {
      name,
      include,
      exclude: [...never, ...exclude],
      testTimeout: timeoutMs,
      hookTimeout: timeoutMs,
      sequence: { groupOrder: order },
      ...(order === 3 ? fewAtATime : order > 3 ? oneAtATime : together),
    },
  };
}

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    // For the commands and services that tests start: what Node made of their sources once, it need not make again.
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL("../node_modules/.cache/compile", import.meta.url)) },
    retry: 0,
    environment: "node",
    passWithNoTests: true,
    restoreMocks: true,
    projects: [
      project("unit", 1, ["**/*.test.ts"], ["**/*.prop.test.ts", ...servers], 15_000),
      project("property", 2, ["**/*.prop.test.ts"], servers, 30_000),
      project("integration", 3, ["tests/integration/**/*.test.ts"], alone, 90_000),
      project("simulation", 3, ["tests/simulation/**/*.test.ts"], [], 120_000),
      project("e2e", 3, ["tests/e2e/**/*.test.ts"], alone, 180_000),
      project("alone", 4, alone, [], 180_000),
    ],
  },
});
