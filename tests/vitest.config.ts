import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const servers = ["tests/integration/**", "tests/e2e/**", "tests/simulation/**"];
const never = ["**/node_modules/**", "**/.data/**", "**/.turbo/**"];

/** Tests that start real servers: one file at a time, so that two of them never fight for the machine. */
const oneAtATime = { fileParallelism: false, maxWorkers: 1, isolate: true } as const;

/** Tests of one store or command, that wait more than they compute and measure nothing: two files at a time. */
const stores = [
  "tests/integration/{api,audit,clickhouse,lag,migrate,topology,prometheus,image,foreign,redrive}*.test.ts",
];
const twoAtATime = { maxWorkers: 2, isolate: true } as const;

/**
 * `order` runs the projects one after the other, the quick ones first: a broken decoder is then reported before a
 * broker is started. No project retries: a test that fails now and then is a bug of the test or of the code.
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
      ...(name === "stores" ? twoAtATime : order > 1 ? oneAtATime : {}),
    },
  };
}

export default defineConfig({
  root: fileURLToPath(new URL("..", import.meta.url)),
  test: {
    retry: 0,
    environment: "node",
    passWithNoTests: true,
    restoreMocks: true,
    projects: [
      project("unit", 0, ["**/*.test.ts"], ["**/*.prop.test.ts", ...servers], 15_000),
      project("property", 1, ["**/*.prop.test.ts"], servers, 30_000),
      project("stores", 2, stores, [], 90_000),
      project("integration", 3, ["tests/integration/**/*.test.ts"], stores, 90_000),
      project("simulation", 4, ["tests/simulation/**/*.test.ts"], [], 120_000),
      project("e2e", 5, ["tests/e2e/**/*.test.ts"], [], 180_000),
    ],
  },
});
